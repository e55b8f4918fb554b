"""Health of every part, readiness with its reason, the queue's routes, usage by month."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from coco_server.domain import health
from coco_server.jobs import overview, queue
from tests.api_service import Org, Running, running, settings_for
from tests.postgres_server import fresh_database


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    """A service whose parts a test may break."""
    settings = settings_for(
        fresh_database(),
        tmp_path / "blobs",
        COCO_QUEUE_MODE="redis",
        COCO_REDIS_URL="redis://127.0.0.1:1/0",
    )
    with running(settings) as found:
        yield found


def data(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()["data"]


def parts(service: Running) -> dict[str, Any]:
    with service.client() as client:
        return {each["name"]: each for each in data(client.get("/v1/sys/health"))["parts"]}


def test_health_covers_every_part(
    fresh: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_KEEP_SECONDS", 0.0)
    found = parts(fresh)
    assert set(found) == {"database", "blobs", "embedder", "queue", "redis"}
    assert (found["database"]["state"], found["blobs"]["state"]) == ("ok", "ok")
    assert found["redis"]["state"] == "failing"
    assert found["queue"] == {
        **found["queue"],
        "state": "missing",
        "detail": "no worker has reported within two minutes",
    }
    with fresh.services.database.system() as session:
        overview.report_worker(session, "w", version="1", slots=2, running=1)
    # The store's folder becomes a file: nothing can be written any more.
    shutil.rmtree(tmp_path / "blobs")
    (tmp_path / "blobs").write_text("", encoding="utf-8")
    found = parts(fresh)
    assert found["blobs"]["state"] == "failing"
    assert str(tmp_path) not in str(found), "the page is open to all"
    assert found["queue"]["detail"] == "1 workers, 1 of 2 slots busy"
    with fresh.client(fresh.admin) as client:
        text = client.get("/metrics").text
        assert 'coco_part_up{part="blobs"} 0.0' in text
        assert 'coco_part_up{part="database"} 1.0' in text
        assert client.get("/v1/sys/health/ready").is_success, "queries need no blob store"


def test_a_part_that_hangs_is_reported_in_time(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    gate = threading.Event()
    monkeypatch.setattr(health, "_MOST_SECONDS", 0.2)
    monkeypatch.setattr(fresh.services.blobs, "check", lambda: gate.wait(60), raising=False)
    for _ in range(3):
        assert parts(fresh)["blobs"]["detail"] == "it does not answer in time"
    gate.set()


def test_readiness_answers_while_the_database_is_silent(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from coco_server.edge import probes

    gate = threading.Event()
    monkeypatch.setattr(probes, "_CHECK_SECONDS", 0.2)
    with monkeypatch.context() as silent, fresh.client() as client:
        silent.setattr(fresh.services.probes, "database", lambda: gate.wait(60), raising=False)
        for _ in range(3):
            response = client.get("/v1/sys/health/ready")
            assert response.status_code == 503
            assert "has not ended" in response.json()["data"]["reason"]
        gate.set()


def test_readiness_says_why_not(fresh: Running) -> None:
    with psycopg.connect(fresh.services.settings.meta_db) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_compatibility SET oldest_program = '9999'")
    with fresh.client() as client:
        response = client.get("/v1/sys/health/ready")
        assert response.status_code == 503
        assert "schema 9999" in response.json()["data"]["reason"]
        assert client.get("/v1/sys/health/live").is_success
    with psycopg.connect(fresh.services.settings.meta_db) as connection:
        connection.execute("UPDATE schema_compatibility SET oldest_program = '0003'")
    with fresh.client() as client:
        assert client.get("/v1/sys/health/ready").json()["data"]["reason"] == ""
    fresh.services.stopping = True
    with fresh.client() as client:
        assert (
            client.get("/v1/sys/health/ready").json()["data"]["reason"]
            == "The service is stopping."
        )


def failed_job(acme: Org) -> str:
    """Return a job that has failed."""
    services = acme.services
    with services.database.tenant(acme.org_id) as session:
        made = queue.enqueue(
            session, project_id=acme.project_id, kind="ingest", payload={"blob_ref": "gone"}
        )
    with services.database.system() as session:
        held = queue.claim(session, "w", job_id=made.job_id)
    assert held is not None
    with services.database.tenant(acme.org_id) as session:
        queue.fail(session, held, {"code": "broken", "message": "It broke."})
    return held.job_id


def test_the_queue_of_all_orgs(service: Running, admin: httpx.Client, acme: Org) -> None:
    job_id = failed_job(acme)
    query = {"state": "failed", "org_id": acme.org_id}
    listed = data(admin.get("/v1/sys/jobs", params=query))["jobs"]
    assert [each["job_id"] for each in listed] == [job_id]
    assert (listed[0]["org_id"], listed[0]["error"]["code"]) == (acme.org_id, "broken")
    assert data(admin.get(f"/v1/sys/jobs/{job_id}"))["requeued_as"] is None
    assert admin.get("/v1/sys/jobs/job_none").status_code == 404
    assert admin.post(f"/v1/sys/jobs/{job_id}/requeue").status_code in {400, 409, 422}
    # What was refused is logged as that, once, and where the job's org sees it.
    logged = data(admin.get("/v1/sys/audit", params={"target": job_id}))["events"]
    assert [(each["org_id"], each["outcome"] == "done") for each in logged] == [
        (acme.org_id, False)
    ]
    done = data(admin.post("/v1/sys/jobs/requeue", json={"org_id": acme.org_id}))
    assert (done["requeued"], [each["job_id"] for each in done["refused"]]) == ([], [job_id])
    with acme.services.database.tenant(acme.org_id) as session:
        waiting = queue.enqueue(
            session, project_id=acme.project_id, kind="ingest", payload={"blob_ref": "b"}
        )
    cancelled = data(admin.post(f"/v1/sys/jobs/{waiting.job_id}/cancel"))
    assert cancelled["state"] == "cancelled"


def test_usage_of_a_month(service: Running, admin: httpx.Client) -> None:
    used = service.org("Used").with_project()
    used.build({f"d{number}": "some text" for number in range(5)})
    with service.client(used.headers) as client:
        for _ in range(3):
            body = {"query": "text", "retrieval_config": {"retrieval_mode": "fts"}}
            assert client.post("/v1/docs/query", json=body).is_success
        month = datetime.now(UTC).strftime("%Y-%m")
        query = {"month": month, "org_id": used.org_id}
        (own,) = data(client.get("/v1/sys/usage", params=query))["orgs"]
        assert client.get("/v1/sys/usage", params={"month": month}).status_code == 403
    assert (own["name"], own["queries"], own["chunks_held"]) == ("Used", 3, 5)
    assert own["bytes_held"] == own["byte_days"] > 0
    everybody = data(admin.get("/v1/sys/usage", params={"month": month}))["orgs"]
    assert own in everybody
    past = data(admin.get("/v1/sys/usage", params={"month": "2020-01", "org_id": used.org_id}))
    assert (past["orgs"][0]["queries"], past["orgs"][0]["chunks_held"]) == (0, 0)
    for wrong in ("2026-13", "2026", "x"):
        assert admin.get("/v1/sys/usage", params={"month": wrong}).status_code == 400
    few = service.org("Few", scopes=("query",))
    with service.client(few.headers) as client:
        query = {"month": month, "org_id": few.org_id}
        assert client.get("/v1/sys/usage", params=query).status_code == 403
