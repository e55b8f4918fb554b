"""Streams of events: complete, resumable, and ending with the job, the client or the daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import connect

from coco_core.errors import ModelMissing
from coco_protocol.base import EmptyRequest
from coco_protocol.jobs import JobEvent
from coco_protocol.local import LocalService
from coco_protocol.system import StatsData
from tests.coco_local.api.conftest import refused_socket
from tests.fake_service import FakeService


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Parse server-sent events."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


def sequences(answer: httpx.Response) -> list[int]:
    return [int(event["id"]) for event in events(iter(answer.text.split("\n")))]


def test_a_job_is_followed_to_its_end(client: httpx.Client, service: FakeService) -> None:
    job = service.start_job()
    with client.stream("GET", f"/v1/jobs/{job.job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        received = events(answer.iter_lines())
        first = next(received)
        assert (first["event"], first["id"]) == ("job", "1")
        job.enter("embed", 5)
        second = JobEvent.model_validate_json(next(received)["data"])
        assert (second.sequence, second.job.stage) == (2, "embed")
        job.finish("failed", "disk full")
        last = [JobEvent.model_validate_json(event["data"]) for event in received][-1]
    assert (last.job.state, last.job.error) == ("failed", "disk full")


@pytest.mark.parametrize("how", ["header", "query"])
def test_streams_resume_without_loss(client: httpx.Client, service: FakeService, how: str) -> None:
    job = service.start_job()
    job.enter("parse", 3)
    job.enter("embed", 3)
    job.finish()
    path = f"/v1/jobs/{job.job_id}/events"
    assert sequences(client.get(path)) == [1, 2, 3, 4]
    if how == "header":
        rest = client.get(path, headers={"last-event-id": "2"})
        done = client.get(path, headers={"last-event-id": "4"})
    else:
        rest, done = client.get(path, params={"after": 2}), client.get(path, params={"after": 4})
    assert sequences(rest) == [3, 4]
    assert (done.status_code, done.content) == (204, b"")


@pytest.mark.parametrize("value", ["-1", "x", "1e3", str(2**60)])
def test_wrong_event_ids_are_errors(client: httpx.Client, service: FakeService, value: str) -> None:
    path = f"/v1/jobs/{service.start_job().job_id}/events"
    answer = client.get(path, headers={"last-event-id": value})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["fields"][0]["field"] == "header.last-event-id"


def test_an_unknown_job_is_an_error_and_no_stream(client: httpx.Client, address: str) -> None:
    answer = client.get("/v1/jobs/none/events")
    assert answer.json()["error"]["code"] == "job_not_found"
    refused = refused_socket(f"{address.replace('http', 'ws')}/v1/jobs/none/events")
    assert refused.status_code == 404
    assert json.loads(refused.body)["error"]["code"] == "job_not_found"


def test_a_wrong_parameter_of_a_websocket_is_an_error(address: str) -> None:
    refused = refused_socket(f"{address.replace('http', 'ws')}/v1/jobs/none/events?after=x")
    assert refused.status_code == 400
    assert json.loads(refused.body)["error"]["code"] == "invalid_input"


def test_a_websocket_sends_the_same_events(address: str, service: FakeService) -> None:
    job = service.start_job()
    url = f"{address.replace('http', 'ws')}/v1/jobs/{job.job_id}/events"
    with connect(url, proxy=None) as socket:
        assert socket.response is not None
        assert "x-request-id" in socket.response.headers
        assert JobEvent.model_validate_json(socket.recv()).sequence == 1
        job.finish()
        rest = [JobEvent.model_validate_json(text) for text in socket]
    assert [event.sequence for event in rest] == [2]
    assert rest[-1].job.state == "succeeded"
    with connect(f"{url}?after=1", proxy=None) as socket:
        assert [JobEvent.model_validate_json(text).sequence for text in socket] == [2]


def test_many_clients_that_leave_hold_nothing(address: str, service: FakeService) -> None:
    job = service.start_job()
    url = f"{address.replace('http', 'ws')}/v1/jobs/{job.job_id}/events"
    # More than the streams have threads: those who left must have given theirs back.
    for _ in range(40):
        with connect(url, proxy=None) as socket:
            assert JobEvent.model_validate_json(socket.recv()).sequence == 1


@pytest.mark.slow
def test_the_streams_end_when_the_daemon_stops(client: httpx.Client, service: FakeService) -> None:
    with client.stream("GET", f"/v1/jobs/{service.start_job().job_id}/events") as answer:
        received = events(answer.iter_lines())
        next(received)
        httpx.post(f"{client.base_url}/v1/sys/shutdown", trust_env=False)
        assert list(received) == []


@pytest.mark.slow
def test_statistics_come_every_second(client: httpx.Client) -> None:
    with client.stream("GET", "/v1/sys/stats/stream") as answer:
        received = events(answer.iter_lines())
        for _ in range(2):
            event = next(received)
            assert event["event"] == "stats"
            assert StatsData.model_validate_json(event["data"]).memory_bytes == 1024


def test_an_error_in_a_stream_is_an_event(client: httpx.Client, service: FakeService) -> None:
    def broken(_: EmptyRequest) -> StatsData:
        raise ModelMissing("The model is gone.")

    service.answer(LocalService.stats, broken)
    answer = client.get("/v1/sys/stats/stream")
    (event,) = events(iter(answer.text.split("\n")))
    assert event["event"] == "error"
    assert json.loads(event["data"])["error"]["code"] == "model_missing"
