"""Removal of segments: dropped when no version is made of them, and counted back exactly once."""

from __future__ import annotations

import psycopg
from psycopg import sql

from coco_server.store import access, usage
from coco_server.store.session import Database, TenantSession
from coco_server.store.vectors import VectorStore

__all__ = ["LOCK_TIMEOUT", "drop_if_unused", "drop_unused", "remove_rest"]

LOCK_TIMEOUT = "200ms"
"""Dropping waits for those who read; behind a drop that waits, new readers queue up, so it gives up
early and comes again."""

# Rows of a shared table that one transaction deletes.
_STEP_ROWS = 5_000

# A version whose list of segments is empty is made of the one with its own number. What retention
# has marked as removed is no version any more.
_UNUSED = sql.SQL("""NOT EXISTS (
    SELECT FROM project_versions AS version
    WHERE version.org_id = segment.org_id AND version.project_id = segment.project_id
        AND segment.segment_no = ANY(
            CASE WHEN cardinality(version.segments) = 0 THEN ARRAY[version.version_no]
            ELSE version.segments END)
        AND NOT coalesce(version.failure ? 'removed', false)
)""")

# A compaction writes a segment that no version has yet; its job names it.
_ABANDONED = sql.SQL("""
    SELECT segment.org_id, segment.segment_no, config.dimension FROM segments AS segment
    JOIN indexing_configs AS config USING (org_id, config_id)
    WHERE segment.created_at <= now() - make_interval(secs => %(soak)s) AND {unused}
        AND NOT EXISTS (
            SELECT FROM jobs WHERE jobs.org_id = segment.org_id AND jobs.kind = 'compact'
                AND jobs.project_id = segment.project_id AND jobs.state IN ('queued', 'running')
                AND jobs.checkpoint ->> 'segment' = segment.segment_no::text
        )
    ORDER BY segment.segment_no
""").format(unused=_UNUSED)


def drop_if_unused(session: TenantSession, number: int) -> bool:
    """Drop a segment's tables and give its quota back, unless a version is made of it.

    Call `remove_rest` when the transaction has committed. The caller sets the ``lock_timeout``.
    """
    row = session.connection.execute(
        sql.SQL(
            "SELECT document_count, chunk_count, storage_bytes FROM segments AS segment "
            "WHERE org_id = %s AND segment_no = %s AND {unused} FOR UPDATE"
        ).format(unused=_UNUSED),
        (session.org_id, number),
    ).fetchone()
    if row is None:
        return False
    session.connection.execute("SELECT coco_drop_version(%s, %s)", (number, session.org_id))
    access.drop_lists(session, number)
    usage.release(session, documents=row[0], chunks=row[1], storage_bytes=row[2])
    return True


def remove_rest(
    database: Database, org_id: str, number: int, dimension: int, vectors: VectorStore | None
) -> None:
    """Remove what a dropped segment has in shared tables and outside of the database, in steps."""
    if vectors is not None:
        vectors.drop(number, dimension)
    deleted = _STEP_ROWS
    while deleted == _STEP_ROWS:
        with database.tenant(org_id) as session:
            deleted = session.connection.execute(
                "DELETE FROM documents WHERE ctid = ANY (ARRAY("
                "SELECT ctid FROM documents WHERE org_id = %s AND version_no = %s LIMIT %s))",
                (session.org_id, number, _STEP_ROWS),
            ).rowcount


def drop_unused(
    database: Database, *, soak_seconds: float, vectors: VectorStore | None = None
) -> int:
    """Drop the segments that compactions replaced or left unfinished; returns how many."""
    with database.system() as session:
        found = session.connection.execute(_ABANDONED, {"soak": soak_seconds}).fetchall()
    dropped = 0
    for org_id, number, dimension in found:
        # What is outside of its tables goes first: without the segment's row it is not found again.
        remove_rest(database, org_id, number, dimension, vectors)
        try:
            with database.tenant(org_id) as session:
                session.connection.execute(
                    "SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,)
                )
                dropped += drop_if_unused(session, number)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            continue
    return dropped
