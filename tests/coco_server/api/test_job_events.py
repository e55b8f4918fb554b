"""Following jobs: SSE and WebSocket, from the beginning or from where a client left."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from coco_server.jobs import queue
from coco_server.jobs.records import Job
from tests.api_service import Org, Running

ITEMS = {"items": [{"doc_id": "a", "content": "b"}]}


@pytest.fixture
def acme(service: Running) -> Org:
    """The org whose `client` it is."""
    return service.org("Follower").with_project()


@pytest.fixture
def held(acme: Org, client: httpx.Client) -> Iterator[Job]:
    """A job that a worker has claimed."""
    job_id = client.post("/v1/docs/import", json=ITEMS).json()["data"]["job_id"]
    database = acme.services.database
    with database.system() as session:
        held = queue.claim(session, "test", most_per_org=1000)
    assert held is not None
    assert held.job_id == job_id
    yield held
    with database.tenant(acme.org_id) as session:
        if queue.get(session, acme.project_id, job_id).state == "running":
            queue.fail(session, held, {"code": "test"})


def _finish(org: Org, held: Job) -> None:
    database = org.services.database
    with database.tenant(org.org_id) as session:
        queue.progress(session, held, done=1, checkpoint={}, stage="cut", event={"done": 1})
    with database.tenant(org.org_id) as session:
        queue.finish(session, held, {"chunks": 1})


def _events(service: Running, org: Org, job_id: str, **headers: str) -> list[dict[str, Any]]:
    url, sent = f"{service.url}/v1/jobs/{job_id}/events", {**org.headers, **headers}
    with httpx.stream("GET", url, headers=sent, timeout=30, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(_parsed(answer.iter_lines()))


def _parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event_id = None
    for line in lines:
        if line.startswith("id: "):
            event_id = int(line[4:])
        elif line.startswith("data: "):
            found = json.loads(line[6:])
            assert found["sequence"] == event_id
            yield found


def _open(service: Running, job_id: str, headers: Mapping[str, str]) -> Any:
    url = service.url.replace("http", "ws") + f"/v1/jobs/{job_id}/events"
    return connect(url, additional_headers=headers, proxy=None)


def test_a_stream_begins_with_what_was_and_ends_with_the_job(
    service: Running, acme: Org, held: Job
) -> None:
    later = threading.Timer(0.3, _finish, (acme, held))
    later.start()
    found = _events(service, acme, held.job_id)
    later.join()
    assert [each["kind"] for each in found] == ["queued", "running", "progress", "succeeded"]
    assert [each["sequence"] for each in found] == [1, 2, 3, 4]
    assert found[-1]["body"]["result"] == {"chunks": 1}


def test_a_client_that_comes_back_misses_nothing(service: Running, acme: Org, held: Job) -> None:
    url = f"{service.url}/v1/jobs/{held.job_id}/events"
    with httpx.stream("GET", url, headers=acme.headers, trust_env=False) as answer:
        first = next(_parsed(answer.iter_lines()))
    _finish(acme, held)
    rest = _events(service, acme, held.job_id, **{"last-event-id": str(first["sequence"])})
    assert [each["sequence"] for each in rest] == [2, 3, 4]


def test_after_the_end_nobody_needs_to_connect(service: Running, acme: Org, held: Job) -> None:
    _finish(acme, held)
    with service.client({**acme.headers, "last-event-id": "4"}) as client:
        assert client.get(f"/v1/jobs/{held.job_id}/events").status_code == 204


def test_a_socket_sends_the_same_and_closes(service: Running, acme: Org, held: Job) -> None:
    with _open(service, held.job_id, acme.headers) as socket:
        assert [json.loads(socket.recv())["kind"] for _ in range(2)] == ["queued", "running"]
        _finish(acme, held)
        assert [json.loads(socket.recv())["kind"] for _ in range(2)] == ["progress", "succeeded"]
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


def test_a_client_that_leaves_is_no_failure(service: Running, acme: Org, held: Job) -> None:
    with capture_logs() as logs:
        with _open(service, held.job_id, acme.headers) as socket:
            socket.recv()
        with service.client(acme.headers) as client:
            assert client.get("/v1/jobs").status_code == 200
    assert not [line for line in logs if line["log_level"] in {"error", "warning"}]


def test_a_cancelled_job_ends_its_streams(
    service: Running, client: httpx.Client, acme: Org, held: Job
) -> None:
    answer = client.delete(f"/v1/jobs/{held.job_id}").json()["data"]
    assert answer["cancel_requested"] is True
    with service.services.database.tenant(acme.org_id) as session:
        queue.cancelled(session, held)
    kinds = [each["kind"] for each in _events(service, acme, held.job_id)]
    assert kinds == ["queued", "running", "cancelling", "cancelled"]


def test_the_stop_ends_open_streams(service: Running, acme: Org, held: Job) -> None:
    try:
        with service.client(acme.headers) as client:
            with client.stream("GET", f"/v1/jobs/{held.job_id}/events") as answer:
                lines = answer.iter_lines()
                next(lines)
                service.services.stopping = True
                assert not [line for line in lines if "succeeded" in line]
            ready = httpx.get(service.url + "/v1/sys/health/ready", trust_env=False)
        assert ready.status_code == 503
        assert ready.json()["data"]["ready"] is False
    finally:
        service.services.stopping = False
