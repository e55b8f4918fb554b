"""Failed jobs are listed, counted and requeued; the new job does the old one's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.configs import DEFAULT_CONFIG
from coco_core.errors import CocoError, JobNotFound, VersionConflict
from coco_core.plan import IndexingPlan
from coco_server.domain.requeue import requeue, requeue_all
from coco_server.jobs import overview, queue
from coco_server.jobs.payload import IngestPayload
from coco_server.jobs.records import Job
from coco_server.store import orgs, usage
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_server.store.usage import Quotas
from tests.coco_server.tenants import Tenant, new_tenant
from tests.queue_parts import database, look, take, taken, tenant

__all__ = ["database", "tenant"]


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path.as_uri())


def failed(tenant: Tenant, blobs: BlobStore, code: str = "broken") -> Job:
    """Return a job that has failed, with its build."""
    blob = blobs.put_bytes(tenant.org_id, "json", b"[]")
    payload = IngestPayload(blob.ref, "json", IndexingPlan(config=DEFAULT_CONFIG))
    version = tenant.begin()
    with tenant.session() as session:
        usage.reserve_build(
            session, Quotas(), version.version_id, documents=3, storage_bytes=blob.size
        )
        made = queue.enqueue(
            session,
            project_id=tenant.project_id,
            kind="ingest",
            payload=payload.to_dict(),
            version_id=version.version_id,
            user_id="u",
            total=3,
        )
    held = taken(tenant, job_id=made.job_id)
    with tenant.session() as session:
        queue.fail(session, held, {"code": code, "message": "It broke."})
    return look(tenant, held)


def test_the_new_job_does_the_same_work(
    tenant: Tenant, database: Database, blobs: BlobStore
) -> None:
    old = failed(tenant, blobs)
    new = requeue(database, blobs, old.job_id)
    assert (new.state, new.attempt, new.payload) == ("queued", 0, old.payload)
    assert (new.kind, new.user_id, new.total) == (old.kind, "u", 3)
    assert new.version_id not in {None, old.version_id}
    assert look(tenant, old).requeued_as == new.job_id
    with tenant.session() as session:
        assert orgs.totals(session).documents == 3
    held = take(database)
    assert held is not None and held.job_id == new.job_id
    with database.system() as session:
        assert overview.dead_letters(session) == []


def test_what_cannot_be_requeued_says_why(
    tenant: Tenant, database: Database, blobs: BlobStore
) -> None:
    with pytest.raises(JobNotFound):
        requeue(database, blobs, "job_none")
    first = failed(tenant, blobs)
    second = failed(tenant, blobs)
    new = requeue(database, blobs, first.job_id)
    with pytest.raises(VersionConflict, match="was requeued before"):
        requeue(database, blobs, first.job_id)
    with pytest.raises(VersionConflict, match="is queued; only failed"):
        requeue(database, blobs, new.job_id)
    with pytest.raises(VersionConflict, match="under way"):
        requeue(database, blobs, second.job_id)
    assert look(tenant, second).requeued_as is None
    third = failed(new_tenant(database, "Other"), blobs)
    blobs.delete(third.org_id, str(third.payload["blob_ref"]))
    with pytest.raises(VersionConflict, match="is gone"):
        requeue(database, blobs, third.job_id)


def test_all_of_an_org_or_a_code(tenant: Tenant, database: Database, blobs: BlobStore) -> None:
    other = new_tenant(database, "Other")
    mine = failed(tenant, blobs, "timeout")
    theirs = [failed(other, blobs, "timeout"), failed(other, blobs, "broken")]
    assert list(requeue_all(database, blobs, org_id=tenant.org_id, code="broken")) == []
    done = list(requeue_all(database, blobs, org_id=tenant.org_id))
    assert [old.job_id for old, _ in done] == [mine.job_id]
    done = list(requeue_all(database, blobs))
    assert [old.job_id for old, _ in done] == [each.job_id for each in theirs]
    # Both build one config of one project: the second waits for a later call.
    assert [isinstance(new, CocoError) for _, new in done] == [False, True]


def test_a_compaction_is_requeued_without_an_import(
    tenant: Tenant, database: Database, blobs: BlobStore
) -> None:
    with tenant.session() as session:
        made = queue.enqueue(
            session,
            project_id=tenant.project_id,
            kind="compact",
            payload={},
            config_id=DEFAULT_CONFIG.config_id,
        )
    held = taken(tenant, job_id=made.job_id)
    with tenant.session() as session:
        queue.fail(session, held, {"code": "unavailable", "message": "It broke."})
    new = requeue(database, blobs, made.job_id)
    assert (new.kind, new.version_id, new.config_id) == ("compact", None, made.config_id)


def test_ages_and_counts(tenant: Tenant, database: Database, blobs: BlobStore) -> None:
    failed(tenant, blobs, "timeout")
    failed(tenant, blobs, "timeout")
    again = taken_again(tenant)
    with database.system() as session:
        session.connection.execute(
            "UPDATE jobs SET created_at = now() - interval '1 hour' WHERE job_id = %s",
            (again.job_id,),
        )
        state = overview.queue_state(session)
    assert (state.queued, state.running, state.retrying) == (1, 0, 1)
    assert state.dead_letters == {"timeout": 2}
    assert state.oldest_queued_seconds == 0, "it waits for its next attempt, and not for a worker"
    with database.system() as session:
        session.connection.execute("UPDATE jobs SET run_after = now() WHERE state = 'queued'")
        assert 3600 <= overview.queue_state(session).oldest_queued_seconds < 3700


def taken_again(tenant: Tenant) -> Job:
    with tenant.session() as session:
        queue.enqueue(
            session, project_id=tenant.project_id, kind="ingest", payload={"blob_ref": "b"}
        )
    held = taken(tenant)
    with tenant.session() as session:
        assert queue.fail(session, held, {"code": "busy"}, retry=True)
    return held


def test_workers_are_seen_while_they_report(database: Database) -> None:
    with database.system() as session:
        overview.report_worker(session, "a", version="1", slots=4, running=0)
        overview.report_worker(session, "a", version="1", slots=4, running=3)
        overview.report_worker(session, "b", version="1", slots=1, running=0)
        session.connection.execute(
            "UPDATE workers SET seen_at = now() - interval '5 minutes' WHERE worker_id = 'b'"
        )
        seen = overview.workers_seen(session)
        assert [(each.worker_id, each.slots, each.running) for each in seen] == [("a", 4, 3)]
        overview.forget_worker(session, "a")
        assert overview.workers_seen(session) == []
