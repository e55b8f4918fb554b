"""What a stranger asks the real daemon for, and does not get: one shape of error each time."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_process import Daemon, running_daemon
from tests.sources import write_project

_OUTSIDE = "words_outside_the_project"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("refusals")
    project = write_project(folder / "shop")
    (folder / "outside.py").write_text(f"{_OUTSIDE} = 1\n")
    (project / "leaves.py").symlink_to(folder / "outside.py")
    (project / "leaves").symlink_to(folder)
    with running_daemon(folder / "home", project) as running:
        running.wait_indexed()
        yield running


def _ask(
    daemon: Daemon,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    """Send exactly this; a client library would tidy the path and the headers up."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    try:
        raw = json.dumps(body).encode() if body is not None else None
        given = {"content-type": "application/json"} if raw is not None else {}
        connection.request(method, path, raw, given | (headers or {}))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def _refused(answer: tuple[int, Any], statuses: set[int]) -> None:
    status, body = answer
    assert status in statuses, body
    assert set(body) == {"meta", "error"}
    assert body["meta"]["status"] == "error"
    assert set(body["error"]) == {"code", "message", "hint", "details", "request_id"}
    assert body["error"]["message"]
    assert body["error"]["request_id"] == body["meta"]["request_id"]
    assert _OUTSIDE not in json.dumps(body)
    assert "root:" not in json.dumps(body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:3456"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "127.0.0.1@evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/sys/health", "/v1/projects", "/mcp", "/openapi.json"])
def test_a_foreign_host_or_origin(daemon: Daemon, path: str, headers: dict[str, str]) -> None:
    _refused(_ask(daemon, "GET", path, headers=headers), {403})


def test_a_form_of_a_foreign_page(daemon: Daemon) -> None:
    body = {"content-type": "text/plain"}
    _refused(_ask(daemon, "POST", "/v1/docs/query", {"query": "x"}, body), {415})


LEADING_OUT = [
    "../outside.py",
    "shop/../../outside.py",
    "shop/../../shop/../outside.py",
    "/etc/passwd",
    "//etc/passwd",
    "leaves.py",
    "leaves/outside.py",
    "leaves/shop/../outside.py",
    "shop/cart.py/../../../outside.py",
    "..",
    "~/.ssh/id_rsa",
    "shop/cart.py\0.txt",
    "\0",
    "..\\outside.py",
    "%2e%2e/outside.py",
    ".env",
    ".git/config",
    "build/output.py",
    "shop",
    ".",
    "",
    "x" * 5000,
]


@pytest.mark.parametrize("doc_id", LEADING_OUT, ids=lambda text: repr(text[:30]))
def test_paths_that_lead_out(daemon: Daemon, doc_id: str) -> None:
    statuses = {400, 403, 404, 422}
    _refused(_ask(daemon, "POST", "/v1/docs/read", {"doc_id": doc_id}), statuses)
    _refused(_ask(daemon, "POST", "/v1/docs/related", {"doc_id": doc_id, "line": 1}), statuses)
    quoted = "".join(f"%{byte:02x}" for byte in doc_id.encode())
    for route in ("outline", "chunks"):
        _refused(_ask(daemon, "GET", f"/v1/docs/{route}?doc_id={quoted}"), statuses)


@pytest.mark.parametrize("include", ["../**", "/etc/**", "**/../**", "leaves/**", "leaves.py"])
@pytest.mark.parametrize("pattern", [_OUTSIDE, "root:", "SECRET_TOKEN"])
def test_filters_cannot_widen_a_search(daemon: Daemon, include: str, pattern: str) -> None:
    status, body = _ask(daemon, "POST", "/v1/docs/grep", {"pattern": pattern, "include": [include]})
    assert status == 400 or body["data"]["matches"] == []
    status, body = _ask(
        daemon, "POST", "/v1/docs/query", {"query": pattern, "filters": {"include": [include]}}
    )
    assert status == 400 or body["data"]["results"] == []


def test_a_pattern_is_no_argument(daemon: Daemon) -> None:
    for pattern in ("--files", "-f/etc/passwd", "--pre=cat", "-e"):
        status, body = _ask(daemon, "POST", "/v1/docs/grep", {"pattern": pattern})
        assert status == 200
        assert body["data"]["matches"] == []
    for pattern in ("(", "[", "a{999999999}", "(?P<"):
        asked = {"pattern": pattern, "regex": True}
        _refused(_ask(daemon, "POST", "/v1/docs/grep", asked), {400})


@pytest.mark.parametrize(
    "path", ["", "relative", "../shop", "/nowhere/at/all", "/", "\0", "/tmp\0/x", "/etc/passwd"]
)
def test_what_cannot_be_a_project(daemon: Daemon, path: str) -> None:
    _refused(_ask(daemon, "POST", "/v1/sys/register", {"path": path}), {400, 403, 404})
    _refused(_ask(daemon, "POST", "/v1/docs/import", {"paths": [path]}), {400, 403, 404})


def test_a_place_outside_of_all_projects(daemon: Daemon) -> None:
    for path in ("/etc", "/", "/nowhere", str(Path.home())):
        body = {"query": "x", "path": path}
        _refused(_ask(daemon, "POST", "/v1/docs/query", body), {403, 404})
        status, told = _ask(daemon, "GET", f"/v1/sys/explain?path={path}/passwd")
        assert status == 200
        assert told["data"]["indexed"] is False
        assert told["data"]["project_id"] is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/docs/../../../etc/passwd", 404),
        ("GET", "/v1/projects/%2e%2e%2f%2e%2e", 404),
        ("GET", "/v1/jobs/..%2f..", 404),
        ("DELETE", "/v1/sys/health", 405),
        ("POST", "/v1/nothing", 404),
    ],
)
def test_routes_that_do_not_exist(daemon: Daemon, method: str, path: str, status: int) -> None:
    _refused(_ask(daemon, method, path), {status})


def test_it_still_answers(daemon: Daemon) -> None:
    assert daemon.paths("retry_with_backoff")[0] == "shop/retry.py"
