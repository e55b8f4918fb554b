"""Jobs and imports go when nobody can ask for them usefully any more, and not before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from coco_core.errors import NotFound
from coco_core.plan import IndexingPlan
from coco_server.jobs import events, queue, rejections
from coco_server.jobs.payload import IngestPayload
from coco_server.jobs.records import Job
from coco_server.store import retention, rules, versions
from coco_server.store.blobs import BlobStore
from coco_server.store.orphans import Orphans, remove_orphans
from coco_server.store.retention import RetentionPolicy
from tests.coco_server.tenants import Tenant, new_tenant

NOTHING_KEPT = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path.as_uri())


def age(folder: Path, hours: float) -> None:
    """Let every stored body be older."""
    then = time.time() - hours * 3600
    for path in folder.rglob("*.*"):
        os.utime(path, (then, then))


def imported(tenant: Tenant, blobs: BlobStore, ref: str | None = None) -> tuple[Job, str]:
    """Import something, as the service and a worker do; return the finished job and the blob."""
    ref = ref or blobs.put_bytes(tenant.org_id, "json", b"[]").ref
    version = tenant.begin()
    with tenant.database.tenant(tenant.org_id) as session:
        queue.enqueue(
            session,
            project_id=tenant.project_id,
            kind="ingest",
            payload=IngestPayload(ref, "json", IndexingPlan()).to_dict(),
            version_id=version.version_id,
        )
    with tenant.database.system() as session:
        held = queue.claim(session, "test", most_per_org=100)
    assert held is not None
    tenant.fill(version, {"a": "text"})
    tenant.seal(version)
    with tenant.database.tenant(tenant.org_id) as session:
        rejected = rejections.StoredRejection(0, "nan", "not a number", None)
        rejections.add(session, held.job_id, [rejected])
        queue.finish(session, held, {"chunks": 1})
        versions.activate(session, tenant.project_id, version.version_id)
        return queue.get(session, tenant.project_id, held.job_id), ref


def removed(tenant: Tenant, blobs: BlobStore, hours: float = 0, **more: bool) -> Orphans:
    return remove_orphans(tenant.database, blobs, hours=hours, org_id=tenant.org_id, **more)


def exists(blobs: BlobStore, tenant: Tenant, ref: str) -> bool:
    try:
        blobs.info(tenant.org_id, ref)
    except NotFound:
        return False
    return True


def test_jobs_stay_as_long_as_versions(tenant: Tenant, blobs: BlobStore, tmp_path: Path) -> None:
    old, old_ref = imported(tenant, blobs)
    new, new_ref = imported(tenant, blobs)
    age(tmp_path, 2)
    nothing = Orphans(0, 0, 0)
    assert removed(tenant, blobs) == nothing
    retention.prune(tenant.database, NOTHING_KEPT)
    # What ended just now is kept a while even so.
    assert removed(tenant, blobs, hours=1) == nothing
    dry = removed(tenant, blobs, dry_run=True)
    assert dry == Orphans(1, 1, 2)
    assert exists(blobs, tenant, old_ref)
    assert removed(tenant, blobs) == dry
    assert (exists(blobs, tenant, old_ref), exists(blobs, tenant, new_ref)) == (False, True)
    with tenant.database.tenant(tenant.org_id) as session:
        assert [each.job_id for each in queue.list_of(session, tenant.project_id)] == [new.job_id]
        assert events.read(session, old.job_id) == []
        row = session.connection.execute("SELECT count(*) FROM job_rejections").fetchone()
    assert row == (1,)
    assert removed(tenant, blobs) == nothing


def test_an_import_that_a_job_needs_stays(tenant: Tenant, blobs: BlobStore, tmp_path: Path) -> None:
    _, ref = imported(tenant, blobs)
    imported(tenant, blobs, ref)
    age(tmp_path, 2)
    retention.prune(tenant.database, NOTHING_KEPT)
    assert removed(tenant, blobs) == Orphans(1, 0, 0)
    assert exists(blobs, tenant, ref)


def test_young_imports_and_those_of_other_orgs_stay(
    tenant: Tenant, blobs: BlobStore, tmp_path: Path
) -> None:
    other = new_tenant(tenant.database, "Other")
    refs = [
        blobs.put_bytes(tenant.org_id, "parquet", b"12345").ref,
        blobs.put_bytes(other.org_id, "ndjson", b"x").ref,
    ]
    age(tmp_path, 3)
    young = blobs.put_bytes(tenant.org_id, "json", b"[]").ref
    assert removed(tenant, blobs) == Orphans(0, 1, 5)
    left = [exists(blobs, tenant, ref) for ref in (refs[0], young)]
    assert left == [False, True]
    assert exists(blobs, other, refs[1])
    # All orgs together.
    assert remove_orphans(tenant.database, blobs, hours=0) == Orphans(0, 1, 1)


def test_what_a_killed_process_left_goes_after_an_hour(
    tenant: Tenant, blobs: BlobStore, tmp_path: Path
) -> None:
    """An import without a job, a module that is no rule, a check, and a part of an upload."""
    imported(tenant, blobs)
    with tenant.session() as session:
        kept = rules.register(session, "rule", blobs.put_bytes(tenant.org_id, "wasm", b"rule"))
    age(tmp_path, 2)
    for suffix in ("ndjson", "parquet", "wasm", "check"):
        blobs.put_bytes(tenant.org_id, suffix, b"left")
    part = tmp_path / tenant.org_id / f"{'0' * 32}.ndjson#1"
    part.write_bytes(b"half")
    # Another file in the same folder is none of these.
    (tmp_path / tenant.org_id / "notes#1").write_bytes(b"theirs")
    week = 168
    assert removed(tenant, blobs, hours=week) == Orphans(0, 0, 0)
    age(tmp_path, 1.1)
    os.utime(part, (time.time() - 4000,) * 2)
    dry = removed(tenant, blobs, hours=week, dry_run=True)
    assert dry == Orphans(0, 4, 20, partial_uploads=1)
    assert part.exists()
    assert removed(tenant, blobs, hours=week) == dry
    assert not part.exists()
    assert exists(blobs, tenant, kept.wasm_module_ref)
    assert (tmp_path / tenant.org_id / "notes#1").exists()
    assert removed(tenant, blobs, hours=week) == Orphans(0, 0, 0)
