"""The example of a source over HTTP, against a service on loopback."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.flow_parts import flow_state

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "flow" / "http_source.py"


class _Service(ThreadingHTTPServer):
    daemon_threads = True
    articles: dict[int, dict[str, Any]]
    fetched: list[int]


class _Handler(BaseHTTPRequestHandler):
    server: _Service

    def do_GET(self) -> None:
        articles = self.server.articles
        if self.path == "/articles":
            self._answer([{"id": i, "version": a["version"]} for i, a in articles.items()])
            return
        number = int(self.path.rsplit("/", 1)[1])
        self.server.fetched.append(number)
        self._answer(articles.get(number))

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200 if value is not None else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[_Service]:
    server = _Service(("127.0.0.1", 0), _Handler)
    server.articles = {n: {"version": 1, "title": f"T{n}", "text": "text"} for n in (1, 2)}
    server.fetched = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.row("OP-7 custom source")
def test_articles_are_fetched_when_their_version_grows(
    service: _Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTICLES", f"http://127.0.0.1:{service.server_address[1]}")
    spec = importlib.util.spec_from_file_location("http_source", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    with flow_state(tmp_path):
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(__import__("sys").modules, "http_source", module)
        spec.loader.exec_module(module)
        module.flow.setup()
        assert module.flow.update().stats == {"articles": {"num_insertions": 2}}
        service.fetched.clear()
        service.articles[2] = {"version": 2, "title": "New", "text": "text"}
        del service.articles[1]
        assert module.flow.update().stats == {"articles": {"num_updates": 1, "num_deletions": 1}}
        assert service.fetched == [2]
        service.articles[2]["version"] = 1
        assert module.flow.update().stats == {"articles": {"num_no_change": 1}}
    with sqlite3.connect("articles.db") as connection:
        assert connection.execute("SELECT id, title FROM articles").fetchall() == [(2, "New")]
    connection.close()
