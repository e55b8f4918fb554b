"""What every exchange leaves behind: an id, a line in the log, a count."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from coco_local.api.app import create_app
from tests.coco_local.api.conftest import settings_for
from tests.fake_service import FakeService


def test_a_given_request_id_is_kept(client: httpx.Client) -> None:
    answer = client.get("/v1/projects", headers={"x-request-id": "trace-1/a:b"})
    assert answer.headers["x-request-id"] == "trace-1/a:b"
    assert answer.json()["meta"]["request_id"] == "trace-1/a:b"


@pytest.mark.parametrize("given", ["", "two words", "a" * 129, "<script>", "naïve"])
def test_a_request_id_that_could_forge_is_replaced(client: httpx.Client, given: str) -> None:
    answer = client.get("/v1/projects", headers={b"x-request-id": given.encode()})
    assert answer.headers["x-request-id"] not in {given, ""}
    assert answer.headers["x-request-id"] == answer.json()["meta"]["request_id"]


def test_ids_are_made_anew(client: httpx.Client) -> None:
    ids = {client.get("/v1/projects").headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_the_log_tells_the_route_and_no_content(client: httpx.Client) -> None:
    with capture_logs() as lines:
        client.post("/v1/docs/query", json={"query": "launch codes"})
        client.get("/v1/docs/outline", params={"doc_id": "secret/plan.md"})
        client.get("/v1/projects/secret-project")
        # The line of an exchange follows its answer; one more answer says that it is written.
        client.get("/v1/sys/health")
    told = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in told[:3]] == [
        ("POST", "/v1/docs/query", 200),
        ("GET", "/v1/docs/outline", 404),
        ("GET", "/v1/projects/{project_id}", 404),
    ]
    assert "launch" not in str(lines)
    assert "secret" not in str(lines)


def test_metrics_count_by_route(client: httpx.Client) -> None:
    client.post("/v1/docs/query", json={"query": "greet"})
    client.get("/v1/projects/nobody")
    client.get("/an/unknown/path")
    client.get("/v1/projects", headers={"host": "evil.example"})
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    counted = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families["coco_http_requests"].samples
        if sample.name.endswith("_total")
    }
    assert counted == {
        ("POST", "/v1/docs/query", "200"): 1,
        ("GET", "/v1/projects/{project_id}", "404"): 1,
        ("GET", "(none)", "404"): 1,
        ("GET", "(none)", "403"): 1,
    }
    assert families["coco_queue_chunks"].samples[0].value == 3
    assert families["coco_model_state"].samples[0].labels["state"] == "ready"
    assert families["coco_store_size"].samples[0].labels == {"part": "rows"}


def test_two_applications_fit_into_one_process(tmp_path: Path, service: FakeService) -> None:
    settings = settings_for(tmp_path)
    first, second = create_app(service, settings), create_app(service, settings)
    assert first.openapi() == second.openapi()


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head(client: httpx.Client) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert client.post("/v1/docs/query", json={"query": "greet"}).status_code == 200
        return time.perf_counter() - started

    # Without TCP_NODELAY every answer waits 40 ms, with it about two: one that does not wait proves
    # it, on a busy machine, too.
    assert any(seconds() < 0.03 for _ in range(200))
