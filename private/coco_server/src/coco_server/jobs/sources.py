"""Sources of a version: the imports that it is built again from."""

from __future__ import annotations

from collections.abc import Sequence

from coco_server.jobs.payload import IngestPayload
from coco_server.jobs.records import Job
from coco_server.store.rows import all_rows
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["carry", "jobs_of", "of_version", "record"]

# Each is an import that is read again, and a blob that is kept. A project that changes one document
# at a time is better imported as a whole after so many.
_MOST = 10_000

_OF_SEGMENTS = """
    SELECT CASE WHEN sources <> '{}' THEN sources ELSE ARRAY(
        -- A full build of a program that kept no sources.
        SELECT job_id FROM jobs JOIN project_versions AS version USING (org_id, version_id)
        WHERE version.org_id = %(org)s AND version.version_no = number ORDER BY job_id LIMIT 1
    ) END
    FROM unnest(%(parts)s::bigint[]) WITH ORDINALITY AS part (number, place)
    LEFT JOIN LATERAL (
        SELECT coalesce((SELECT sources FROM segments
            WHERE org_id = %(org)s AND segment_no = number), '{}') AS sources
    ) AS known ON true ORDER BY place
"""


def record(session: TenantSession, version: Version, payload: IngestPayload, job_id: str) -> None:
    """Keep what a version's own segment was made of; call it before the version is complete."""
    made_of = [*reversed(payload.sources)] or [job_id]
    session.connection.execute(
        "UPDATE segments SET sources = %s WHERE org_id = %s AND segment_no = %s",
        (made_of, session.org_id, version.version_no),
    )


def carry(session: TenantSession, before: Version, segment_no: int) -> None:
    """Keep of a segment that compaction wrote what the version was made of that it compacted."""
    session.connection.execute(
        "UPDATE segments SET sources = %s WHERE org_id = %s AND segment_no = %s",
        (of_version(session, before) or [], session.org_id, segment_no),
    )


def of_version(session: TenantSession, version: Version) -> list[str] | None:
    """Return the jobs whose imports make up a version, oldest first; None if not all are known."""
    rows = session.connection.execute(
        _OF_SEGMENTS, {"org": session.org_id, "parts": list(version.parts)}
    ).fetchall()
    if not all(found for (found,) in rows):
        return None
    named = [job_id for (found,) in rows for job_id in found]
    return named if len(named) <= _MOST else None


def jobs_of(session: TenantSession, named: Sequence[str]) -> list[Job]:
    """Return these jobs in this order, those that are still known."""
    return all_rows(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %s AND job_id = ANY(%s) "
        "ORDER BY array_position(%s, job_id)",
        (session.org_id, list(named), list(named)),
    )
