"""Merges: versions that share the segments of another one and add what changed."""

from __future__ import annotations

from coco_core.errors import VersionConflict
from coco_server.store import segments, versions
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["activate", "begin", "is_current"]


def begin(session: TenantSession, project_id: str, config_id: str) -> Version:
    """Begin a merge on the version that answers for a config; without one it is a full build.

    Raises:
        ProjectNotFound: the org has no such project.
        ConfigNotFound: the org has no such config.
        VersionConflict: a build of this config is under way in the project.
    """
    base = versions.newest_of_config(session, project_id, config_id)
    if base is not None:
        # Retention takes this lock before it looks whether a segment is in use.
        held = session.connection.execute(
            "SELECT 1 FROM project_versions WHERE org_id = %s AND version_id = %s "
            "AND status IN ('READY', 'ACTIVE', 'ARCHIVED') FOR SHARE",
            (session.org_id, base.version_id),
        ).rowcount
        if not held:
            raise VersionConflict(
                f"The version {base.version_id!r} was removed as the merge began.",
                hint="Send the merge again.",
            )
        segments.ensure(session, base.version_id)
    return versions.create(session, project_id, config_id, base=base)


def is_current(session: TenantSession, version: Version) -> bool:
    """Whether a merge's base is still what answers for its config."""
    newest = versions.newest_of_config(session, version.project_id, version.config_id)
    return (newest.version_id if newest is not None else None) == version.base_version_id


def activate(session: TenantSession, ready: Version) -> Version | None:
    """Let a merge answer in the place of its base, or of the version of another config.

    None, and nothing changes, if another version than its base answers for its config.
    """
    now = versions.active(session, ready.project_id)
    expected = now.version_id if now is not None else None
    if now is not None and now.config_id == ready.config_id:
        expected = ready.base_version_id
    return versions.activate_over(session, ready.project_id, ready.version_id, expected)
