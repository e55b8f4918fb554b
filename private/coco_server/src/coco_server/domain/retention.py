"""Retention: removes versions, ended sessions and memos, finished jobs and orphaned imports."""

from __future__ import annotations

from coco_protocol.server.system import PruneData, PruneRequest
from coco_server.store import audit, memo_index, retention
from coco_server.store.blobs import BlobStore
from coco_server.store.orphans import remove_orphans
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database
from coco_server.store.vectors import VectorStore

__all__ = ["policy_of", "prune"]


def policy_of(
    wanted: PruneRequest, *, keep_versions: int, hours: float, job_hours: float
) -> RetentionPolicy:
    """Return the service's policy with what the request says instead."""
    keep, older = wanted.keep_versions, wanted.older_than_hours
    return RetentionPolicy(
        keep_versions=keep_versions if keep is None else keep,
        keep_hours=hours if older is None else older,
        job_hours=job_hours if older is None else older,
    )


def prune(
    database: Database,
    wanted: PruneRequest,
    policy: RetentionPolicy,
    vectors: VectorStore,
    blobs: BlobStore,
    *,
    audit_days: float,
) -> PruneData:
    """Remove, or with ``dry_run`` count, what a policy does not keep.

    Old events of the audit log go, too; they are not counted.
    """
    removed = retention.prune(
        database, policy, org_id=wanted.org_id, dry_run=wanted.dry_run, vectors=vectors
    )
    if not wanted.dry_run:
        memo_index.index_all(database)
    with database.system() as session:
        if not wanted.dry_run:
            audit.trim(session, days=audit_days, org_id=wanted.org_id)
        ended = retention.prune_memos(session, org_id=wanted.org_id, dry_run=wanted.dry_run)
    orphans = remove_orphans(
        database, blobs, hours=policy.job_hours, org_id=wanted.org_id, dry_run=wanted.dry_run
    )
    return PruneData(
        versions=len(removed),
        sessions=ended.sessions,
        memos=ended.memos,
        jobs=orphans.jobs,
        blobs=orphans.blobs,
        partial_uploads=orphans.partial_uploads,
        bytes=sum(version.storage_bytes for version in removed) + orphans.blob_bytes,
        version_ids=[version.version_id for version in removed],
        dry_run=wanted.dry_run,
    )
