"""Merges: versions that share the segments of another one and add what changed."""

from __future__ import annotations

from coco_core.errors import VersionConflict
from coco_server.store import activations, segments, versions
from coco_server.store.activations import Intent
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


def activate(session: TenantSession, ready: Version, began: Intent | None) -> Version | None:
    """Let a merge answer in the place of its base, or of the version of another config.

    Over another config's version it is activated as a build is: see `versions.activate_build`.

    Raises:
        VersionConflict: another version of the config was activated meanwhile.
    """
    activations.lock(session, ready.project_id)
    now = versions.active(session, ready.project_id)
    if now is None or now.config_id != ready.config_id:
        return versions.activate_build(session, ready, began)
    if now.version_id != ready.base_version_id:
        raise VersionConflict(
            f"The active version is {now.version_id!r} and not {ready.base_version_id!r}."
        )
    if now.parts != ready.parts[:-1]:
        _move(session, ready, now.parts)
    return versions.activate_build(session, ready, None)


def _move(session: TenantSession, ready: Version, parts: tuple[int, ...]) -> None:
    """Put a merge on the segments of its base that compaction wrote meanwhile.

    The chunks have the same keys in them, so the merge's tombstones mean the same.
    """
    made = segments.layout_of(session, (*parts, ready.version_no))
    session.connection.execute(
        "UPDATE project_versions SET segments = %s, approximate = %s, storage_bytes = %s "
        "WHERE org_id = %s AND version_id = %s",
        (
            [*parts, ready.version_no],
            any(each.approximate for each in made.parts),
            sum(each.storage_bytes for each in made.parts),
            session.org_id,
            ready.version_id,
        ),
    )
