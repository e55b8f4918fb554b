"""Requests to services: what is tried again, how long, and what is said in the end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, BinaryIO

import pytest

from coco_core.errors import InvalidInput, NotFound, Unavailable
from coco_flow.errors import FlowError
from coco_flow.targets import coco_api
from coco_flow.targets.coco_api import CocoApi
from coco_flow.targets.http_service import HttpService
from coco_protocol.jobs import JobBody
from coco_protocol.projects import RescanData
from tests.http_server import served


@dataclass
class Script:
    """What a server answers, the next one first, and what it was asked."""

    url: str = ""
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)


@pytest.fixture
def script() -> Iterator[Script]:
    found = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.requests.append((self.command, self.path, body))
            status, answer, headers = found.answers.pop(0)
            if status == 0:
                # Ends the connection without a word.
                self.close_connection = True
                return
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with served(Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found


@pytest.mark.slow
@pytest.mark.row("ERR-4 retryable set")
@pytest.mark.parametrize("status", [429, 502, 503, 504, 0])
def test_what_passes_is_tried_again(script: Script, status: int) -> None:
    script.answers = [(status, {}, {}), (status, {}, {}), (200, {"n": 1}, {})]
    service = HttpService("Test", script.url)
    assert service.post("/x", {"a": "é"}).json() == {"n": 1}
    assert [body.decode() for _, _, body in script.requests] == ['{"a": "é"}'] * 3


@pytest.mark.row("ERR-4 retryable set")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_what_lasts_is_not(script: Script, status: int) -> None:
    script.answers = [(status, {"error": "no"}, {})]
    answer = HttpService("Test", script.url).get("/x", {"q": "a b"})
    assert (answer.status, answer.is_success, len(script.requests)) == (status, False, 1)
    assert script.requests[0][1] == "/x?q=a+b"


def test_retries_have_an_end_and_the_last_answer_is_given(script: Script) -> None:
    script.answers = [(503, {"n": 1}, {"Retry-After": "60"})]
    assert HttpService("Test", script.url, retry_seconds=1.0).get("/x").status == 503
    script.answers = [(0, {}, {})] * 50
    with pytest.raises(Unavailable, match=r"Test at http://127.* does not answer: Remote end clos"):
        HttpService("Test", script.url, retry_seconds=0.2).get("/x")


def test_an_upload_is_read_again_for_each_attempt(script: Script) -> None:
    script.answers = [(503, {}, {}), (200, {}, {})]
    opened: list[BinaryIO] = []

    def body() -> BinaryIO:
        opened.append(io.BytesIO(b"line\n"))
        return opened[-1]

    answer = HttpService("Test", script.url).upload("/x", body, "text/plain", 5, {"k": 1})
    assert answer.is_success
    assert [body for _, _, body in script.requests] == [b"line\n"] * 2
    assert all(each.closed for each in opened)


def test_errors_of_coco_are_raised_again_and_others_told_apart(script: Script) -> None:
    api = CocoApi(script.url, {}, name="CoCo")
    error = {"code": "project_not_found", "message": "There is no project 'x'.", "hint": "Look."}
    script.answers = [
        (404, {"meta": {}, "error": error}, {}),
        (200, b"<html>", {}),
        (404, {"detail": "Not Found"}, {}),
        (200, {"meta": {}, "data": {"other": 1}}, {}),
    ]
    with pytest.raises(NotFound, match=r"There is no project 'x'. Look."):
        api.get(RescanData, "/v1/x")
    with pytest.raises(Unavailable, match="is not CoCo: 200 '<html>'"):
        api.get(RescanData, "/v1/x")
    with pytest.raises(Unavailable, match="is not CoCo: 404"):
        api.get(RescanData, "/v1/x")
    with pytest.raises(Unavailable, match=r"does not read \(1 differences\)"):
        api.get(RescanData, "/v1/x")


def test_a_job_is_followed_to_its_end_or_until_the_limit(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_api, "_POLL_SECONDS", (0.001, 0.002))
    api = CocoApi(script.url, {}, name="CoCo")

    def job(state: str) -> tuple[int, Any, dict[str, str]]:
        body = {"job_id": "j 1", "kind": "rescan", "state": state, "created_at": 0}
        return 200, {"meta": {}, "data": body}, {}

    script.answers = [job("queued"), job("running"), job("failed")]
    assert api.follow(JobBody, "j 1", 60).state == "failed"
    assert {path for _, path, _ in script.requests} == {"/v1/jobs/j%201"}
    script.answers = [job("running")] * 1000
    with pytest.raises(FlowError, match=r"needs more than 0.02 s for the job 'j 1'"):
        api.follow(JobBody, "j 1", 0.02)


@pytest.mark.parametrize("url", ["localhost:3456", "ftp://host", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="is not the address of Test"):
        HttpService("Test", url)
