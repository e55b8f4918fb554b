"""Do more processes make it faster? 1, 2 and 4 of each on one PostgreSQL, over HTTP.

First the same imports with 1, 2 and 4 workers, then the same queries with 1, 2 and 4 API processes:
over many projects, and all over one (whose rate limit is one row). For each: how many a second, the
slow end, the processor seconds of each program, and what PostgreSQL's backends waited for. The
built-in static model embeds, so no model is needed. The client runs on the same cores.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.local.report import Report
from bench.server.corpus import Question, corpus, questions
from bench.server.lab import SETTINGS, arguments, percentile
from coco_embed.static import STATIC_MODEL
from coco_server.dev.children import free_port, spawn, stop
from coco_server.dev.postgres import DevPostgres
from coco_server.dev.temporary import TemporaryFolder
from coco_server.store import keys, orgs
from coco_server.store.migrate import migrate
from coco_server.store.session import Database

COUNTS = (1, 2, 4)
CONFIG = {
    "config_id": "bench",
    "chunking": {"strategy_name": "recursive_char", "chunk_size": 1000, "unit": "chars"},
    "embedding": {"model_name": STATIC_MODEL},
}
UNLIMITED = {"rate_limit_per_min": 10_000_000, "rate_limit_burst": 10_000_000}
CLIENTS = 12

# What a backend does when it waits for nothing: it computes, or its client has not asked yet.
_WAITS = """
    SELECT coalesce(wait_event_type || ':' || wait_event, 'running') FROM pg_stat_activity
    WHERE application_name LIKE 'coco%%' AND state <> 'idle'
"""


@dataclass(frozen=True)
class Project:
    """A project of an org of its own."""

    headers: dict[str, str]


class Programs:
    """API processes and workers on one database, started and stopped in any number."""

    def __init__(self, postgres: DevPostgres, directory: Path) -> None:
        self.postgres = postgres
        self.admin = "bench-admin-key-of-no-worth"
        self._log = (directory / "log").open("ab")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
        self._environ = kept | {
            "COCO_META_DB": postgres.url(),
            "COCO_BLOB_URL": (directory / "blobs").absolute().as_uri(),
            "COCO_ADMIN_KEY": self.admin,
            "COCO_HOST": "127.0.0.1",
            "COCO_LOG_LEVEL": "warning",
        }
        (directory / "blobs").mkdir()

    @contextmanager
    def api(self, count: int) -> Iterator[list[tuple[int, int]]]:
        """Ports and process ids of so many API processes that answer."""
        serve = [sys.executable, "-m", "coco_server.cli", "serve", "--insecure-dev"]
        with ExitStack() as opened:
            started = []
            for _ in range(count):
                port = free_port()
                child = spawn(
                    serve, environ=self._environ | {"COCO_PORT": str(port)}, output=self._log
                )
                opened.callback(stop, child)
                started.append((port, child.pid))
            for port, _ in started:
                _await(port)
            yield started

    @contextmanager
    def workers(self, count: int) -> Iterator[list[int]]:
        """Process ids of so many workers that look for jobs."""
        run = [sys.executable, "-m", "coco_worker", "run", "--port", "0"]
        with ExitStack() as opened:
            pids = []
            for _ in range(count):
                child = spawn(run, environ=self._environ, output=self._log)
                opened.callback(stop, child)
                pids.append(child.pid)
            # A worker listens to the queue with a connection of its own before it takes jobs.
            while self._connected("coco-worker%") < count:
                time.sleep(0.05)
            yield pids

    def _connected(self, name: str) -> int:
        with psycopg.connect(self.postgres.superuser_url("coco"), autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(DISTINCT client_port) FROM pg_stat_activity "
                "WHERE application_name LIKE %s",
                (name,),
            ).fetchone()
        return int(row[0]) if row else 0


class Watch:
    """Counts what the database's backends wait for, and what the processor does meanwhile."""

    def __init__(self, postgres: DevPostgres, programs: dict[str, Sequence[int]]) -> None:
        self._url = postgres.superuser_url("coco")
        self._programs = {**programs, "postgres": [_postmaster(postgres)]}
        self._stopped = threading.Event()
        self.waits: Counter[str] = Counter()
        self.cpu: dict[str, float] = {}
        self.seconds = 0.0

    def __enter__(self) -> Watch:
        self._before = {name: _cpu(pids) for name, pids in self._programs.items()}
        self._own = time.process_time()
        self._started = time.perf_counter()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self.cpu = {name: _cpu(pids) - self._before[name] for name, pids in self._programs.items()}
        self.cpu["client"] = time.process_time() - self._own
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stopped.wait(0.05):
                self.waits.update(row[0] for row in connection.execute(_WAITS).fetchall())

    def shown_waits(self) -> str:
        """The commonest, in percent of all looks at busy backends."""
        total = sum(self.waits.values()) or 1
        return ", ".join(
            f"{name} {100 * count / total:.0f}%" for name, count in self.waits.most_common(6)
        )


def call(port: int, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body)
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        connection.request(method, path, payload, {**headers, "content-type": kind})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {said}")
        return said["data"]
    finally:
        connection.close()


def prepare(programs: Programs, port: int, count: int) -> list[Project]:
    """Orgs with one project each, which may ask as fast as they can."""
    made = []
    for number in range(count):
        with Database(programs.postgres.url(), most=1) as database, database.system() as session:
            org = orgs.create(session, f"bench {number}", limits=UNLIMITED)
            key = keys.create(session, org.org_id, "bench", ["query", "ingest", "manage"])
        identity = {"x-coco-org-id": org.org_id, "x-coco-user-id": "bench"}
        admin = {"Authorization": f"Bearer {programs.admin}", **identity}
        call(port, "POST", "/v1/sys/configs", admin, CONFIG)
        project = call(
            port, "POST", "/v1/sys/register", admin, {"source_ref": "kb:bench", "name": "Bench"}
        )
        headers = {"Authorization": f"Bearer {key.text}", **identity}
        made.append(Project({**headers, "x-coco-project-id": project["project_id"]}))
    return made


def import_all(port: int, made: list[Project], lines: bytes) -> None:
    """Import the same items into every project, and wait until all are active."""
    path = "/v1/ingest/batch?indexing_config_id=bench"
    jobs = [(each, call(port, "POST", path, each.headers, lines)["job_id"]) for each in made]
    for project, job_id in jobs:
        while True:
            job = call(port, "GET", f"/v1/jobs/{job_id}", project.headers)
            if job["state"] == "succeeded":
                break
            if job["state"] in ("failed", "cancelled"):
                raise SystemExit(f"The import ended: {job}")
            time.sleep(0.05)


def ask_all(
    ports: Sequence[int], made: list[Project], asked: list[Question], seconds: float
) -> list[float]:
    """Ask with many clients, spread over the processes; returns milliseconds."""
    took: list[list[float]] = [[] for _ in range(CLIENTS)]
    ends = time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", ports[number % len(ports)], timeout=60)
        turn = number
        while (started := time.perf_counter()) < ends:
            turn += 1
            body = json.dumps({"query": asked[turn % len(asked)].text})
            headers = made[turn % len(made)].headers | {"content-type": "application/json"}
            connection.request("POST", "/v1/docs/query", body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{answer.status} {said!r}")
            took[number].append((time.perf_counter() - started) * 1000)
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [each for some in took for each in some]


def _await(port: int) -> None:
    while True:
        try:
            call(port, "GET", "/v1/sys/health", {})
            return
        except OSError:
            time.sleep(0.05)


def _postmaster(postgres: DevPostgres) -> int:
    return int((postgres.directory / "data" / "postmaster.pid").read_text().splitlines()[0])


def _cpu(pids: Sequence[int]) -> float:
    """Processor seconds of processes, their children, and those of them that have ended."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        own = process.cpu_times()
        total += own.user + own.system + own.children_user + own.children_system
        for child in process.children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


def _merged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure, and the waits of the last run."""
    return {
        name: round(statistics.median(run[name] for run in runs), 2)
        if isinstance(value, float)
        else value
        for name, value in runs[-1].items()
    }


def measure_imports(programs: Programs, port: int, count: int, lines: bytes) -> dict[str, Any]:
    made = prepare(programs, port, 6)
    items = lines.count(b"\n") * len(made)
    with (
        programs.workers(count) as pids,
        Watch(programs.postgres, {"workers": pids}) as watch,
    ):
        import_all(port, made, lines)
    return {
        "items_per_s": items / watch.seconds,
        **{f"{name}_cpu_s": spent for name, spent in watch.cpu.items() if name != "client"},
        "waits": watch.shown_waits(),
    }


def measure_queries(
    programs: Programs, made: list[Project], asked: list[Question], count: int, seconds: float
) -> dict[str, Any]:
    with programs.api(count) as started:
        ports = [port for port, _ in started]
        ask_all(ports, made, asked, 2.0)
        with Watch(programs.postgres, {"api": [pid for _, pid in started]}) as watch:
            took = ask_all(ports, made, asked, seconds)
    return {
        "per_s": len(took) / watch.seconds,
        "p50_ms": percentile(took, 50),
        "p95_ms": percentile(took, 95),
        **{f"{name}_cpu_ms_each": 1000 * s / len(took) for name, s in watch.cpu.items()},
        "waits": watch.shown_waits(),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--documents", type=int, default=400, help="of each import")
    parser.add_argument("--chunks", type=int, default=3_000, help="of each project that is asked")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run of queries")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    of = corpus(max(given.chunks, 4 * given.documents))
    asked = questions(of, 200)
    small = _lines([each.content for each in of.texts[: 4 * given.documents]], 4)
    large = _lines([each.content for each in of.texts[: given.chunks]], 4)
    table = Report("server-processes", clients=CLIENTS, rounds=given.rounds)
    temporary = TemporaryFolder("processes")
    with DevPostgres(durable=given.durable, settings=SETTINGS) as postgres:
        migrate(postgres.url())
        programs = Programs(postgres, temporary.path)
        with programs.api(1) as [(port, _)]:
            runs: dict[int, list[dict[str, Any]]] = {count: [] for count in COUNTS}
            for _ in range(given.rounds):
                for count in COUNTS:
                    runs[count].append(measure_imports(programs, port, count, small))
            for count in COUNTS:
                table.title(f"workers: {count}")
                table.add(**{f"{k} {count}w": v for k, v in _merged(runs[count]).items()})
            made = prepare(programs, port, 8)
            with programs.workers(2):
                import_all(port, made, large)
        for name, some in (("many", made), ("one", made[:1])):
            found: dict[int, list[dict[str, Any]]] = {count: [] for count in COUNTS}
            for _ in range(given.rounds):
                for count in COUNTS:
                    run = measure_queries(programs, some, asked, count, given.seconds)
                    found[count].append(run)
            for count in COUNTS:
                table.title(f"API processes: {count}, projects: {name}")
                table.add(**{f"{k} {count}a {name}": v for k, v in _merged(found[count]).items()})
    temporary.remove()
    table.write()


def _lines(texts: list[str], each: int) -> bytes:
    """Items of some chunks of text each, one a line."""
    documents = [
        {"doc_id": f"doc-{at}", "content": "\n\n".join(texts[at : at + each])}
        for at in range(0, len(texts), each)
    ]
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


if __name__ == "__main__":
    main()
