"""What programs find around them: a language model, graph and vector databases, a site."""

from __future__ import annotations

import atexit
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trustme

from tests.compat.programs.program import Run
from tests.graph_servers import arcadedb_server
from tests.llm_server import LlmServer, Received, llm_server

__all__ = ["asked_schema", "asked_text", "graph", "language_model", "site"]

_BOLT_USER = ("neo4j", "cocoindex")


@contextmanager
def language_model(run: Run, say: Callable[[Received], Any]) -> Iterator[LlmServer]:
    """Answer what the program asks OpenAI and Ollama."""
    with llm_server() as server:
        server.model = say
        address = server.url.removeprefix("http://")
        run.addresses["localhost:11434"] = address
        run.environment |= {
            "OPENAI_API_BASE": server.url,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "a key for tests",
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

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    bundle = run.folder.parent / f"{host}.pem"
    authority.cert_pem.write_to_path(str(bundle))
    run.environment["SSL_CERT_FILE"] = str(bundle)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    run.addresses[f"{host}:443"] = f"127.0.0.1:{server.server_port}"
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
