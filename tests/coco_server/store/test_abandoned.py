"""A build that no job works on ends by itself, and gives back what was reserved for it."""

from __future__ import annotations

import pytest

from coco_server.jobs import queue
from coco_server.store import abandoned, orgs, usage, versions
from coco_server.store.usage import Quotas
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant


def _begun(tenant: Tenant, *, old: bool = True) -> Version:
    """Begin a build as a broken enqueue did: a version and a reservation, and no job."""
    with tenant.session() as session:
        version = versions.create(session, tenant.project_id, "default")
        usage.reserve_build(session, Quotas(), version.version_id, documents=7, storage_bytes=100)
        if old:
            session.connection.execute(
                "UPDATE project_versions SET created_at = now() - interval '1 day' "
                "WHERE version_id = %s",
                (version.version_id,),
            )
    return version


def _totals(tenant: Tenant) -> tuple[int, int]:
    with tenant.session() as session:
        found = orgs.totals(session)
        return found.documents, found.storage_bytes


def test_whoever_looks_for_work_ends_it(tenant: Tenant) -> None:
    version = _begun(tenant)
    assert _totals(tenant) == (7, 100)
    with tenant.database.system() as session:
        queue.claim(session, "w")
    ended = tenant.version(version)
    assert ended.status == "FAILED"
    assert ended.failure is not None and ended.failure["code"] == "abandoned"
    assert _totals(tenant) == (0, 0)
    assert tenant.begin().status == "BUILDING"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_build_that_a_job_works_on_is_left_alone(tenant: Tenant, state: str) -> None:
    version = _begun(tenant)
    with tenant.session() as session:
        job = queue.enqueue(
            session,
            project_id=tenant.project_id,
            kind="ingest",
            payload={},
            version_id=version.version_id,
        )
        session.connection.execute(
            "UPDATE jobs SET state = %s WHERE job_id = %s", (state, job.job_id)
        )
        assert abandoned.fail(session, older_seconds=0) == 0
        session.connection.execute(
            "UPDATE jobs SET state = 'cancelled' WHERE job_id = %s", (job.job_id,)
        )
        assert abandoned.fail(session, older_seconds=0) == 1


def test_one_that_began_just_now_is_left_alone(tenant: Tenant) -> None:
    version = _begun(tenant, old=False)
    with tenant.database.system() as session:
        queue.claim(session, "w")
    assert tenant.version(version).status == "BUILDING"
