"""Abandoned builds: versions in BUILDING that no job works on any more.

A version and its job are written in one transaction and end in one, so there should be none. But a
program before this one made some, and a database that was mended by hand may hold others; and each
keeps its project from importing.
"""

from __future__ import annotations

from coco_server.store import versions
from coco_server.store.session import Session

__all__ = ["fail"]

# Tools that build without a job are given this long.
_OLD_SECONDS = 600.0

_FAILURE = {"code": "abandoned", "message": "No job works on it any more; import again."}


def fail(
    session: Session,
    *,
    project_id: str | None = None,
    config_id: str | None = None,
    older_seconds: float = _OLD_SECONDS,
) -> int:
    """Mark them as FAILED, and give back what was reserved for them; returns how many there were.

    Args:
        session: whose versions are looked at.
        project_id: of this project only.
        config_id: of this config only.
        older_seconds: a younger build is left alone.
    """
    rows = session.connection.execute(
        "SELECT version_id FROM project_versions AS version WHERE status = 'BUILDING' "
        "AND created_at <= now() - make_interval(secs => %(age)s) "
        "AND (%(project)s::text IS NULL OR project_id = %(project)s) "
        "AND (%(config)s::text IS NULL OR config_id = %(config)s) "
        "AND NOT EXISTS (SELECT FROM jobs WHERE jobs.version_id = version.version_id "
        "AND jobs.state IN ('queued', 'running')) FOR UPDATE SKIP LOCKED",
        {"age": older_seconds, "project": project_id, "config": config_id},
    ).fetchall()
    for (version_id,) in rows:
        versions.fail(session, version_id, _FAILURE)
    return len(rows)
