"""What programs find around them: a language model, graph and vector databases, a site."""

from __future__ import annotations

import atexit
import contextlib
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

import trustme

from tests.compat.programs.program import Run
from tests.drive_server import DriveServer, drive_server
from tests.graph_servers import arcadedb_server, falkordb_server
from tests.llm_server import LlmServer, Received, llm_server

__all__ = [
    "asked_schema",
    "asked_text",
    "drive",
    "encrypted",
    "falkor",
    "graph",
    "language_model",
    "site",
]

_BOLT_USER = ("neo4j", "cocoindex")


@contextmanager
def language_model(run: Run, say: Callable[[Received], Any]) -> Iterator[LlmServer]:
    """Answer what the program asks OpenAI, Gemini and Ollama."""
    with llm_server() as server:
        server.model = say
        address = server.url.removeprefix("http://")
        run.addresses["localhost:11434"] = address
        run.environment |= {
            "OPENAI_API_BASE": server.url,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "a key for tests",
            "GEMINI_API_BASE": server.url,
            "GEMINI_API_KEY": "a key for tests",
        }
        yield server


def asked_schema(received: Received) -> dict[str, Any]:
    """Return the JSON schema that the answer must follow."""
    body = received.body
    if "format" in body:
        schema: dict[str, Any] = body["format"]
    elif body.get("tools"):
        schema = body["tools"][0]["function"]["parameters"]
    else:
        schema = body["response_format"]["json_schema"]["schema"]
    return schema


def asked_text(received: Received) -> str:
    """Return the text that the model is to read."""
    body = received.body
    if "prompt" in body:
        return str(body["prompt"])
    if "contents" in body:
        return "".join(part.get("text", "") for part in body["contents"][-1]["parts"])
    content = body["messages"][-1]["content"]
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    return str(content)


class Graph:
    """A database with Neo4j's protocol."""

    def __init__(self, uri: str) -> None:
        import neo4j

        self.address = uri.removeprefix("bolt://")
        self._driver = neo4j.GraphDatabase.driver(uri, auth=_BOLT_USER)

    def ask(self, query: str) -> list[list[Any]]:
        """Run a query; return its rows."""
        return [record.values() for record in self._driver.execute_query(query).records]

    def clear(self) -> None:
        """Remove all of it."""
        self.ask("MATCH (n) DETACH DELETE n")
        for row in self.ask("SHOW CONSTRAINTS"):
            self.ask(f"DROP CONSTRAINT `{row[1]}` IF EXISTS")

    def count(self, pattern: str) -> int:
        """Return how often a pattern matches."""
        [[found]] = self.ask(f"MATCH {pattern} RETURN count(*)")
        return int(found)


@contextmanager
def graph(run: Run) -> Iterator[Graph]:
    """An empty database in the place of Neo4j on its usual port."""
    found = _bolt_server()
    found.clear()
    run.addresses["localhost:7687"] = found.address
    yield found


@contextmanager
def falkor(run: Run, name: str) -> Iterator[Callable[[str], list[list[Any]]]]:
    """FalkorDB in the place of its usual port; yields a function that queries a graph of it."""
    import falkordb

    with (
        tempfile.TemporaryDirectory() as folder,
        falkordb_server(Path(folder)) as uri,
        falkordb.FalkorDB.from_url(uri) as client,
    ):
        run.addresses["localhost:6379"] = uri.removeprefix("falkor://")
        yield lambda query: client.select_graph(name).query(query).result_set


@cache
def _bolt_server() -> Graph:
    # It takes half a minute to start.
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    user, password = _BOLT_USER
    uri = stack.enter_context(
        arcadedb_server(folder, user=user, password=password, database="neo4j")
    )
    return Graph(uri)


@contextmanager
def drive(run: Run, folder: str) -> Iterator[DriveServer]:
    """Google Drive with a folder, and an account that may read it in the environment."""
    with drive_server() as server:
        server.folder(folder, "root")
        address = server.endpoint.removeprefix("http://")
        with encrypted(run, "www.googleapis.com", address):
            run.environment |= {
                "GOOGLE_SERVICE_ACCOUNT_CREDENTIAL": server.account.write_key(
                    run.folder.parent / "key.json", token_uri=f"{server.endpoint}/token"
                ),
                "GOOGLE_DRIVE_ROOT_FOLDER_IDS": folder,
            }
            yield server


@contextmanager
def encrypted(run: Run, host: str, address: str) -> Iterator[None]:
    """Let the site be reached by HTTPS, and pass on to a server that speaks HTTP."""
    context = _certified(run, host)
    name, _, port = address.partition(":")

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with (
                context.wrap_socket(self.request, server_side=True) as there,
                socket.create_connection((name, int(port))) as here,
            ):
                back = threading.Thread(target=_pass_on, args=(here, there))
                back.start()
                _pass_on(there, here)
                back.join()

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        run.addresses[f"{host}:443"] = f"127.0.0.1:{server.server_address[1]}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


_authority = cache(trustme.CA)


def _certified(run: Run, host: str) -> ssl.SSLContext:
    """Return a server's side of TLS with a certificate for the host, which the program trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(host).configure_cert(context)
    bundle = run.folder.parent / "authority.pem"
    _authority().cert_pem.write_to_path(str(bundle))
    run.environment["SSL_CERT_FILE"] = str(bundle)
    return context


@contextmanager
def site(run: Run, host: str, answer: Callable[[str, str], Any]) -> Iterator[list[str]]:
    """Serve a site over HTTPS: `answer` returns JSON for a path and a query, None for no page.

    Yields the paths that were asked for.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append(parts.path)
            found = answer(parts.path, parts.query)
            data = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = _certified(run, host).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    run.addresses[f"{host}:443"] = f"127.0.0.1:{server.server_port}"
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
