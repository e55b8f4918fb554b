"""Each route does what 4-local says, in the envelope."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from coco_core.version import __version__
from coco_local.api.app import create_app
from coco_protocol.docs import QueryEnvelope
from coco_protocol.envelope import Envelope
from coco_protocol.jobs import JobBody
from coco_protocol.system import HealthData
from tests.coco_local.api.conftest import settings_for
from tests.fake_service import ROOT, TEXT, FakeService

ROUTES = {
    ("GET", "/v1/sys/health"),
    ("POST", "/v1/sys/register"),
    ("GET", "/v1/sys/configs"),
    ("POST", "/v1/sys/configs"),
    ("GET", "/v1/sys/configs/{config_id}"),
    ("POST", "/v1/sys/prune"),
    ("GET", "/v1/sys/stats"),
    ("GET", "/v1/sys/stats/stream"),
    ("GET", "/v1/sys/explain"),
    ("POST", "/v1/sys/shutdown"),
    ("GET", "/v1/projects"),
    ("GET", "/v1/projects/{project_id}"),
    ("DELETE", "/v1/projects/{project_id}"),
    ("POST", "/v1/projects/{project_id}/rescan"),
    ("GET", "/v1/projects/{project_id}/indexes"),
    ("DELETE", "/v1/projects/{project_id}/indexes/{config_id}"),
    ("GET", "/v1/projects/{project_id}/defaults"),
    ("PUT", "/v1/projects/{project_id}/defaults"),
    ("POST", "/v1/docs/import"),
    ("POST", "/v1/docs/index"),
    ("POST", "/v1/docs/query"),
    ("POST", "/v1/docs/related"),
    ("GET", "/v1/docs/outline"),
    ("GET", "/v1/docs/list"),
    ("GET", "/v1/docs/chunks"),
    ("POST", "/v1/docs/grep"),
    ("POST", "/v1/docs/read"),
    ("POST", "/v1/docs/symbol"),
    ("GET", "/v1/docs/names"),
    ("POST", "/v1/docs/files"),
    ("POST", "/v1/docs/map"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/{job_id}"),
    ("DELETE", "/v1/jobs/{job_id}"),
    ("GET", "/v1/jobs/{job_id}/events"),
    ("GET", "/metrics"),
}


def test_the_routes_are_those_of_the_specification(tmp_path: Path, service: FakeService) -> None:
    document = create_app(service, settings_for(tmp_path)).openapi()
    found = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert found == ROUTES
    assert document["info"]["version"] == __version__
    names = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(names) == len(set(names))


def test_health_has_the_signature(client: httpx.Client) -> None:
    answer = client.get("/v1/sys/health")
    body = Envelope[HealthData].model_validate_json(answer.content)
    assert body.data.signature == "coco"
    assert body.meta.request_id == answer.headers["x-request-id"]


def test_query_answers_in_the_documented_shape(client: httpx.Client) -> None:
    answer = client.post("/v1/docs/query", json={"query": "greet"})
    body = QueryEnvelope.model_validate_json(answer.content)
    assert body.meta.status == "fresh"
    assert body.meta.tier == "transformer"
    assert body.meta.request_id == answer.headers["x-request-id"]
    (hit,) = body.data.results
    assert hit.chunk.content == TEXT
    assert (hit.chunk.path, hit.chunk.start_line) == ("src/app.py", 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/docs/related", {"doc_id": "src/app.py", "line": 1}, "results"),
        ("GET", "/v1/docs/outline?doc_id=src/app.py", None, "symbols"),
        ("GET", "/v1/docs/list", None, "documents"),
        ("GET", "/v1/docs/chunks?doc_id=src/app.py", None, "chunks"),
        ("POST", "/v1/docs/grep", {"pattern": "Hello"}, "matches"),
        ("POST", "/v1/docs/read", {"doc_id": "src/app.py", "end_line": 1}, "content"),
        ("POST", "/v1/docs/symbol", {"name": "greet"}, "definitions"),
        ("POST", "/v1/docs/files", {"include": ["*.py"]}, "files"),
        ("POST", "/v1/docs/map", {"max_tokens": 200}, "text"),
        ("POST", "/v1/docs/import", {"paths": ["/projects/a"]}, "job_ids"),
        ("POST", "/v1/docs/index", {"rebuild": True}, "job_ids"),
        ("POST", "/v1/sys/register", {"path": "/projects/a", "name": "a"}, "project_id"),
        ("GET", "/v1/projects", None, "projects"),
        ("GET", "/v1/projects/demo", None, "root"),
        ("DELETE", "/v1/projects/demo", None, "root"),
        ("POST", "/v1/projects/demo/rescan", None, "job_id"),
        ("GET", "/v1/sys/configs", None, "configs"),
        ("GET", "/v1/sys/configs/default", None, "fingerprint"),
        ("POST", "/v1/sys/configs", {"config_id": "small"}, "fingerprint"),
        ("POST", "/v1/sys/prune", {"dry_run": True}, "bytes"),
        ("GET", "/v1/sys/stats", None, "memory_bytes"),
        ("GET", f"/v1/sys/explain?path={ROOT}/src/app.py", None, "reason"),
        ("GET", "/v1/jobs", None, "jobs"),
    ],
)
def test_each_route_answers(
    client: httpx.Client, method: str, path: str, body: object, field: str
) -> None:
    answer = client.request(method, path, json=body) if body else client.request(method, path)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"meta", "data"}
    assert field in answer.json()["data"]


def test_a_job_can_be_seen_and_cancelled(client: httpx.Client, service: FakeService) -> None:
    job = service.start_job()
    seen = Envelope[JobBody].model_validate_json(client.get(f"/v1/jobs/{job.job_id}").content)
    assert (seen.data.state, seen.data.total) == ("running", 10)
    assert client.delete(f"/v1/jobs/{job.job_id}").status_code == 200
    assert job.cancelled


def test_shutdown_asks_the_service(client: httpx.Client, service: FakeService) -> None:
    answer = client.post("/v1/sys/shutdown")
    assert answer.json()["data"] == {"stopping": True}
    assert service.stop_requested.is_set()


@pytest.mark.parametrize("where", ["header", "body", "both"])
def test_the_project_is_named_in_header_or_body(client: httpx.Client, where: str) -> None:
    client.post("/v1/sys/register", json={"path": "/projects/other"})
    headers = {"x-coco-project-id": "p1"} if where != "body" else {}
    body = {"query": "greet"} | ({"project_id": "p1"} if where != "header" else {})
    answer = client.post("/v1/docs/query", json=body, headers=headers)
    assert answer.json()["meta"]["project_id"] == "p1"


def test_header_and_body_may_not_disagree(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/docs/query",
        json={"query": "greet", "project_id": "demo"},
        headers={"x-coco-project-id": "other"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"header": "other", "body": "demo"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/docs/read", {"doc_id": "../../etc/passwd"}),
        ("/v1/docs/read", {"doc_id": "/etc/passwd"}),
        ("/v1/docs/query", {"query": "root", "path": "/etc"}),
        ("/v1/docs/grep", {"pattern": "root", "path": "/projects/../etc"}),
    ],
)
def test_a_refused_path_passes_through(client: httpx.Client, path: str, body: object) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "path_refused"


def test_a_file_name_that_is_no_unicode_does_not_break_the_answer(
    client: httpx.Client, service: FakeService
) -> None:
    service.known["demo"].files = {"caf\udce9.py": TEXT}
    answer = client.post("/v1/docs/query", json={"query": "greet"})
    assert answer.status_code == 200
    assert answer.json()["data"]["results"][0]["chunk"]["path"] == "caf?.py"
