"""Retention by hand: versions, ended sessions and memos, and imports that nobody refers to."""

from __future__ import annotations

from coco_protocol.server.system import PruneData, PruneRequest
from coco_server.api.services import Services
from coco_server.store import retention
from coco_server.store.retention import Expired, RetentionPolicy

__all__ = ["prune"]


def prune(services: Services, wanted: PruneRequest) -> PruneData:
    """Remove, or with ``dry_run`` count, what the policy does not keep."""
    settings = services.settings
    keep, hours = wanted.keep_versions, wanted.older_than_hours
    policy = RetentionPolicy(
        keep_versions=settings.retention_versions if keep is None else keep,
        keep_hours=float(settings.retention_hours) if hours is None else hours,
    )
    with services.database.system() as session:
        found = retention.expired(session, policy)
    if wanted.org_id is not None:
        found = [version for version in found if version.org_id == wanted.org_id]
    gone = found if wanted.dry_run else _remove(services, found)
    with services.database.system() as session:
        ended = retention.prune_memos(session, org_id=wanted.org_id, dry_run=wanted.dry_run)
    return PruneData(
        versions=len(gone),
        sessions=ended.sessions,
        memos=ended.memos,
        bytes=sum(version.storage_bytes for version in gone),
        version_ids=[version.version_id for version in gone],
        dry_run=wanted.dry_run,
    )


def _remove(services: Services, found: list[Expired]) -> list[Expired]:
    return [version for version in found if retention.remove(services.database, version)]
