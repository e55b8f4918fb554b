"""One idempotency key is one job of one project and config, however many requests come at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from coco_server.jobs import queue
from coco_server.store import versions
from tests.api_service import CONFIG, Org, Running
from tests.coco_server.tenants import register_config

ROWS = [{"doc_id": str(number), "content": f"text {number}"} for number in range(7)]
BODY = {"items": ROWS, "idempotency_key": "monday"}


@pytest.fixture
def acme(service: Running) -> Org:
    return service.org("Repeater").with_project()


def _at_once(sends: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    barrier = threading.Barrier(len(sends))

    def send(one: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(sends)) as pool:
        return list(pool.map(send, sends))


def _states(org: Org, project_id: str) -> list[str]:
    with org.services.database.tenant(org.org_id) as session:
        return [each.status for each in versions.list_of(session, project_id)]


def test_the_same_request_again_is_the_same_job(client: httpx.Client, acme: Org) -> None:
    first, second = (client.post("/v1/docs/import", json=BODY) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    for name in ("job_id", "version_id", "blob_ref", "items", "indexing_config_id"):
        assert first.json()["data"][name] == second.json()["data"][name]
    assert _states(acme, acme.project_id) == ["BUILDING"]


def test_six_projects_may_use_one_key_at_the_same_time(service: Running, acme: Org) -> None:
    projects = [acme.with_project(f"kb:p{number}") for number in range(6)]
    with service.client() as client:
        answers = _at_once(
            [
                lambda org=org: client.post("/v1/docs/import", json=BODY, headers=org.headers)  # type: ignore[misc]
                for org in projects
            ]
        )
    assert [each.status_code for each in answers] == [202] * 6
    data = [each.json()["data"] for each in answers]
    assert len({each["job_id"] for each in data}) == 6
    for org, each in zip(projects, data, strict=True):
        assert each["project_id"] == org.project_id
        assert _states(org, org.project_id) == ["BUILDING"]
        with org.services.database.tenant(org.org_id) as session:
            job = queue.of_version(session, org.project_id, each["version_id"])
        assert job is not None and job.job_id == each["job_id"]


def test_the_same_request_six_times_at_once_is_one_job(client: httpx.Client, acme: Org) -> None:
    answers = _at_once([lambda: client.post("/v1/docs/import", json=BODY)] * 6)
    assert [each.status_code for each in answers] == [202] * 6
    assert len({each.json()["data"]["job_id"] for each in answers}) == 1
    assert _states(acme, acme.project_id) == ["BUILDING"]


@pytest.mark.parametrize(
    "other",
    [{"items": ROWS[:3]}, {"activate": False}, {"on_error": "fail"}, {"activate": "force"}],
    ids=str,
)
def test_a_key_is_not_used_again_for_something_else(
    client: httpx.Client, acme: Org, other: dict[str, object]
) -> None:
    first = client.post("/v1/docs/import", json=BODY).json()["data"]
    refused = client.post("/v1/docs/import", json={**BODY, **other})
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert error["code"] == "request_conflict"
    assert "monday" in error["message"] and "another key" in error["hint"]
    assert error["details"]["job_id"] == first["job_id"]
    assert _states(acme, acme.project_id) == ["BUILDING"]


def test_a_key_belongs_to_the_config_that_is_named(client: httpx.Client, acme: Org) -> None:
    with acme.services.database.tenant(acme.org_id) as session:
        register_config(session, replace(CONFIG, config_id="other"), 8)
    named = {**BODY, "indexing_config_id": "other"}
    first = client.post("/v1/docs/import", json=BODY).json()["data"]
    second = client.post("/v1/docs/import", json=named).json()["data"]
    assert first["job_id"] != second["job_id"]
    assert client.post("/v1/docs/import", json=named).json()["data"]["job_id"] == second["job_id"]


@pytest.mark.parametrize("named_first", [False, True])
def test_the_active_config_is_one_config_named_or_not(
    client: httpx.Client, acme: Org, named_first: bool
) -> None:
    named = {**BODY, "indexing_config_id": CONFIG.config_id}
    bodies = [named, BODY] if named_first else [BODY, named]
    jobs = [client.post("/v1/docs/import", json=body).json()["data"]["job_id"] for body in bodies]
    assert jobs[0] == jobs[1]
    with acme.services.database.tenant(acme.org_id) as session:
        register_config(session, replace(CONFIG, config_id="other"), 8)
        session.connection.execute(
            "UPDATE projects SET active_config_id = 'other' WHERE project_id = %s",
            (acme.project_id,),
        )
    for body in (BODY, named):
        again = client.post("/v1/docs/import", json=body).json()["data"]
        assert again["job_id"] == jobs[0]
        assert again["indexing_config_id"] == CONFIG.config_id
    other = client.post("/v1/docs/import", json={**BODY, "indexing_config_id": "other"})
    assert other.json()["data"]["job_id"] != jobs[0]
    # Both configs have a job of this key now, and a request without a name still means the first.
    assert client.post("/v1/docs/import", json=BODY).json()["data"]["job_id"] == jobs[0]
    refused = client.post("/v1/docs/import", json={**named, "items": ROWS[:2]})
    assert refused.status_code == 409, refused.text


def test_a_key_of_the_program_before_is_known(client: httpx.Client, acme: Org) -> None:
    """It keeps the key in a column of its own, over the whole org."""
    first = client.post("/v1/docs/import", json=BODY).json()["data"]
    with acme.services.database.tenant(acme.org_id) as session:
        session.connection.execute(
            "UPDATE jobs SET idempotency_key = request_key, request_key = NULL, "
            "request_hash = NULL WHERE job_id = %s",
            (first["job_id"],),
        )
    again = client.post("/v1/docs/import", json=BODY)
    assert again.json()["data"]["job_id"] == first["job_id"]
    elsewhere = acme.with_project("kb:elsewhere")
    other = client.post("/v1/docs/import", json=BODY, headers=elsewhere.headers)
    assert other.json()["data"]["job_id"] != first["job_id"]


def test_a_build_without_a_job_keeps_nobody_from_importing(client: httpx.Client, acme: Org) -> None:
    with acme.services.database.tenant(acme.org_id) as session:
        left = versions.create(session, acme.project_id, CONFIG.config_id)
    assert client.post("/v1/docs/import", json={"items": ROWS}).status_code == 202
    with acme.services.database.tenant(acme.org_id) as session:
        assert versions.get(session, acme.project_id, left.version_id).status == "FAILED"
