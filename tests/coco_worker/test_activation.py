"""What a build that lost too much, or that came too late, does: it is complete and waits."""

from __future__ import annotations

from typing import Any

import pytest

from coco_server.jobs import rejections
from coco_server.jobs.records import Job
from coco_server.store import activations, versions
from coco_server.store.activations import Intent
from tests.coco_worker.conftest import Start
from tests.coco_worker.items_made import documents
from tests.tenant import Tenant

BROKEN = {"content": "no id"}


def _held(tenant: Tenant, job: Job) -> Any:
    """Return why the build of a job was held back, after a look at what became of it."""
    done = tenant.ended(job)
    assert done.state == "succeeded" and done.result is not None, done.error
    held = done.result.get("held")
    status = tenant.version(done.version_id).status
    assert (status, done.result["activated"]) == (("READY", False) if held else ("ACTIVE", True))
    return held


def test_an_import_of_mostly_rejected_items_is_not_activated(tenant: Tenant, start: Start) -> None:
    start()
    whole = tenant.succeeded(tenant.enqueue(tenant.ndjson(documents(5))))
    ref = tenant.ndjson([*documents(5), *[BROKEN] * 6])
    held = _held(tenant, tenant.enqueue(ref))
    assert held["code"] == "many_rejected"
    assert "6 of 11 items" in held["message"] and "force" in held["hint"]
    assert tenant.active() == whole
    # Exactly half of them is not more than half.
    assert _held(tenant, tenant.enqueue(tenant.ndjson([*documents(5), *[BROKEN] * 5]))) is None
    assert _held(tenant, tenant.enqueue(ref, force=True)) is None


def test_an_import_of_few_documents_is_not_activated(tenant: Tenant, start: Start) -> None:
    start()
    assert _held(tenant, tenant.enqueue(tenant.ndjson(documents(2)))) is None
    assert _held(tenant, tenant.enqueue(tenant.ndjson(documents(10)))) is None
    held = _held(tenant, tenant.enqueue(tenant.ndjson(documents(4))))
    assert held["code"] == "few_documents"
    assert "4 documents" in held["message"] and "10 of the active version" in held["message"]
    assert _held(tenant, tenant.enqueue(tenant.ndjson(documents(5)))) is None
    assert _held(tenant, tenant.enqueue(tenant.ndjson(documents(1)), force=True)) is None


def test_a_build_from_before_a_rollback_is_not_activated(tenant: Tenant, start: Start) -> None:
    start()
    first = tenant.succeeded(tenant.enqueue(tenant.ndjson(documents(3))))
    tenant.succeeded(tenant.enqueue(tenant.ndjson(documents(4))))
    began = _intent(tenant)
    with tenant.database.tenant(tenant.org_id) as session:
        versions.rollback(session, tenant.project_id)
    held = _held(tenant, tenant.enqueue(tenant.ndjson(documents(5)), began=began))
    assert held["code"] == "superseded"
    # It stays so when it is forced: force is about what is in it.
    again = tenant.enqueue(tenant.ndjson(documents(5)), began=began, force=True)
    assert _held(tenant, again)["code"] == "superseded"
    active = tenant.active()
    assert active is not None and active.version_id == first.version_id


def test_rejections_are_cut_and_counted(tenant: Tenant, start: Start) -> None:
    start()
    long = {"doc_id": "x" * 1000, "content": "a", "y" * 5000: 1}
    job = tenant.ended(
        tenant.enqueue(tenant.ndjson([*documents(1), *[long] * 700, *[BROKEN] * 700]))
    )
    assert job.result is not None
    assert job.result["rejected"] == 1400
    assert job.result["rejected_by"] == {"unknown_field": 700, "missing_field": 700}
    with tenant.database.tenant(tenant.org_id) as session:
        listed = rejections.read(session, job.job_id, most=5000)
        size = session.connection.execute(
            "SELECT sum(pg_column_size(r.*)) FROM job_rejections AS r WHERE job_id = %s",
            (job.job_id,),
        ).fetchone()
    assert [each.item for each in listed] == list(range(1, 1001))
    assert max(len(each.message) for each in listed) <= 500
    assert max(len(each.doc_id or "") for each in listed) <= 200
    assert size is not None and size[0] < 1_000_000


@pytest.mark.parametrize("active", [None, "ver_1"])
def test_an_intent_is_read_as_it_was_written(active: str | None) -> None:
    assert Intent.from_dict(Intent(3, active).to_dict()) == Intent(3, active)


def _intent(tenant: Tenant) -> Intent:
    with tenant.database.tenant(tenant.org_id) as session:
        return activations.declare(session, tenant.project_id)
