"""What a server says rarely: wait your turn, a stream that breaks, and programs that are none."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from coco_core.errors import CocoError, Forbidden, InvalidInput, RateLimited, Unavailable
from coco_experiments.server.client import Credentials, ServerClient
from coco_protocol.server.docs import QueryRequest
from tests.scripted_service import Answer, Script, scripted

ACCESS = Credentials("key", "org", "user", "admin")
EVENTS = "/v1/jobs/j1/events"


class Server:
    """A scripted server and a client of it."""

    def __init__(self) -> None:
        self.scripts: dict[str, Answer] = {}
        self.headers: list[dict[str, str]] = []

    def on(self, path: str, *answers: Answer) -> None:
        """Answer a path with each in turn, and with the last from then on."""
        left = list(answers)

        def script(request: Script) -> None:
            self.headers.append({k.lower(): v for k, v in request.headers.items()})
            (left.pop(0) if len(left) > 1 else left[0])(request)

        self.scripts[path] = script


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[ServerClient]:
    with scripted(server.scripts) as (local, _):
        made = ServerClient(local.base_url, ACCESS)
        yield made
        made.close()


def data(document: object, status: int = 200) -> Answer:
    return lambda request: request.send_json({"meta": {}, "data": document}, status)


def refusal(code: str, status: int, **headers: str) -> Answer:
    body = {"meta": {}, "error": {"code": code, "message": f"It is {code}."}}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: request.answer(status, body, sent)


def events(*numbers: int, last: bool = False) -> Answer:
    messages = []
    for number in numbers:
        kind = "succeeded" if last and number == numbers[-1] else "progress"
        event = json.dumps({"sequence": number, "at": 0, "kind": kind, "body": {}})
        messages.append(f"id: {number}\nevent: job\ndata: {event}")
    return lambda request: request.send_stream(*messages)


QUERY = data({"results": []})
JOB = {"job_id": "j1", "kind": "ingest", "project_id": "p", "created_at": 0}


def test_whoever_is_told_to_wait_waits_and_measures_only_the_answer(
    server: Server, client: ServerClient
) -> None:
    server.on("/v1/docs/query", refusal("rate_limited", 429, retry_after="0.3"), QUERY)
    began = time.perf_counter()
    _, found, seconds = client.query("p1", QueryRequest(query="x"))
    assert found.results == []
    assert 0 < seconds <= time.perf_counter() - began - 0.3
    sent = server.headers[0]
    assert (sent["authorization"], sent["x-coco-org-id"]) == ("Bearer key", "org")
    assert (sent["x-coco-user-id"], sent["x-coco-project-id"]) == ("user", "p1")


def test_a_wait_that_takes_too_long_is_an_error(server: Server, client: ServerClient) -> None:
    server.on("/v1/docs/query", refusal("rate_limited", 429, retry_after="3600"))
    with pytest.raises(RateLimited):
        client.query("p1", QueryRequest(query="x"))
    assert len(server.headers) == 1


def test_an_error_is_the_class_that_the_server_raised(server: Server, client: ServerClient) -> None:
    server.on("/v1/projects/p1", refusal("forbidden", 403))
    with pytest.raises(Forbidden, match="It is forbidden"):
        client.project("p1")


@pytest.mark.parametrize(
    "answer",
    [
        data({"signature": "other"}),
        lambda request: request.answer(200, b"<html>"),
        lambda request: request.answer(502, b"{}"),
        lambda request: request.send_json([]),
    ],
)
def test_what_is_no_coco_server_is_told(
    server: Server, client: ServerClient, answer: Answer
) -> None:
    server.on("/v1/sys/health/live", answer)
    with pytest.raises(Unavailable, match="is not a CoCo server"):
        client.check()
    # A key goes only where CoCo answers.
    assert "authorization" not in server.headers[0]


def test_another_version_of_the_protocol_is_told(server: Server, client: ServerClient) -> None:
    server.on("/v1/sys/health/live", data({"signature": "coco", "api_version": 2}))
    with pytest.raises(Unavailable, match="version 2"):
        client.check()


def test_an_answer_of_another_shape_is_told(server: Server, client: ServerClient) -> None:
    server.on("/v1/projects/p1", data({"project": "p1"}))
    with pytest.raises(Unavailable, match="differences"):
        client.project("p1")


def test_a_broken_stream_is_picked_up_where_it_was(server: Server, client: ServerClient) -> None:
    server.on("/v1/jobs/j1", data({**JOB, "state": "running"}))
    server.on(EVENTS, events(1, 2), events(3, last=True))
    assert [event.sequence for event in client.job_events("p1", "j1")] == [1, 2, 3]


def test_a_stream_that_ends_with_its_job_is_over(server: Server, client: ServerClient) -> None:
    server.on("/v1/jobs/j1", data({**JOB, "state": "succeeded"}))
    server.on(EVENTS, lambda request: request.answer(204))
    assert list(client.job_events("p1", "j1")) == []


def test_a_stream_that_breaks_each_time_is_given_up(server: Server, client: ServerClient) -> None:
    server.on("/v1/jobs/j1", data({**JOB, "state": "running"}))
    server.on(EVENTS, events())
    with pytest.raises(Unavailable, match="again and again"):
        list(client.job_events("p1", "j1"))


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    server.on("/v1/sys/health/live", data({"signature": "coco", "api_version": 1}))
    with scripted(server.scripts, context) as (local, _):
        url = f"https://localhost:{urlsplit(local.base_url).port}"
        client = ServerClient(url, ACCESS)
        with pytest.raises(Unavailable, match=r"(?i)certificate"):
            client.check()
        client.close()
        assert server.headers == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        client = ServerClient(url, ACCESS)
        client.check()
        client.close()


@pytest.mark.parametrize("address", ["localhost:80", "ftp://x", "http://", "http://x:y", ""])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(InvalidInput, match="address"):
        ServerClient(address, ACCESS)


def test_keys_come_from_the_environment() -> None:
    credentials = Credentials.of({"COCO_KEY": "k", "COCO_ORG": "o"})
    assert (credentials.key, credentials.org, credentials.user, credentials.admin) == (
        "k",
        "o",
        "experiment",
        None,
    )
    with pytest.raises(CocoError, match="COCO_ORG"):
        Credentials.of({"COCO_KEY": "k"})
