"""Jobs after a restore: builds that were under way begin again from their imports."""

from __future__ import annotations

from coco_server.store.session import Connection

__all__ = ["resume_jobs"]

# What a build had written is not in the backup: it is reserved again, to be written again.
_RESERVE_AGAIN = """
    WITH begun AS (
        UPDATE project_versions SET reserved_documents = reserved_documents + document_count,
            reserved_bytes = reserved_bytes + storage_bytes,
            item_count = 0, document_count = 0, chunk_count = 0, embedded_count = 0,
            storage_bytes = 0, length_sums = '{0,0,0}'
        FROM (SELECT version_id, chunk_count AS chunks FROM project_versions
            WHERE status = 'BUILDING') AS old
        WHERE project_versions.version_id = old.version_id
        RETURNING project_versions.org_id, old.chunks
    ), held AS (SELECT org_id, sum(chunks)::bigint AS chunks FROM begun GROUP BY org_id)
    UPDATE org_totals SET chunks = greatest(0, org_totals.chunks - held.chunks)
    FROM held WHERE org_totals.org_id = held.org_id
"""

_EMPTY_SEGMENTS = """
    UPDATE segments SET document_count = 0, chunk_count = 0, embedded_count = 0, storage_bytes = 0,
        length_sums = '{0,0,0}', end_key = first_key, removed_keys = ''
    WHERE segment_no IN (SELECT version_no FROM project_versions WHERE status = 'BUILDING')
"""

_FORGET_REMOVALS = """
    DELETE FROM removed_documents WHERE segment_no IN (
        SELECT version_no FROM project_versions WHERE status = 'BUILDING'
    )
"""

_FORGET_DOCUMENTS = """
    DELETE FROM documents WHERE version_no IN (
        SELECT version_no FROM project_versions WHERE status = 'BUILDING'
    )
"""

_FORGET_REJECTIONS = """
    DELETE FROM job_rejections WHERE job_id IN (
        SELECT job_id FROM jobs WHERE state IN ('queued', 'running')
    )
"""

# A merge begins a version of its own when it runs, from the one that is active then.
_END_MERGES = """
    WITH ended AS (
        UPDATE project_versions SET status = 'FAILED', reserved_documents = 0, reserved_bytes = 0,
            failure = '{"code": "restored", "message": "Its merge began again after a restore."}'
        FROM (
            SELECT version.version_id, reserved_documents AS documents, reserved_bytes AS bytes
            FROM project_versions AS version JOIN jobs USING (org_id, version_id)
            WHERE status = 'BUILDING' AND merge AND state IN ('queued', 'running')
        ) AS old
        WHERE project_versions.version_id = old.version_id
        RETURNING org_id, old.documents, old.bytes
    ), held AS (
        SELECT org_id, sum(documents)::bigint AS documents, sum(bytes)::bigint AS bytes
        FROM ended GROUP BY org_id
    )
    UPDATE org_totals SET documents = greatest(0, org_totals.documents - held.documents),
        storage_bytes = greatest(0, org_totals.storage_bytes - held.bytes)
    FROM held WHERE org_totals.org_id = held.org_id
"""

_FORGET_MERGED = """
    UPDATE jobs SET version_id = NULL WHERE merge AND state IN ('queued', 'running')
"""

# The fence goes up: a worker of the old database that reaches this one may write nothing.
_REQUEUE = """
    WITH again AS (
        UPDATE jobs SET state = 'queued', attempt = 0, fence = fence + 1, lease_owner = NULL,
            lease_until = NULL, checkpoint = '{}', done = 0, stage = NULL, run_after = now(),
            last_event = last_event + 1
        WHERE state = 'running' OR (state = 'queued' AND (checkpoint <> '{}' OR attempt > 0))
        RETURNING org_id, job_id, last_event
    )
    INSERT INTO job_events (org_id, job_id, seq, kind, body)
    SELECT org_id, job_id, last_event, 'released', '{}' FROM again
"""


def resume_jobs(connection: Connection) -> int:
    """Queue what ran when the backup was taken, from its beginning; returns how many jobs.

    Call it in the transaction that completes the restore.
    """
    connection.execute("SET LOCAL ROLE coco_system")
    connection.execute(_RESERVE_AGAIN)
    connection.execute(_EMPTY_SEGMENTS)
    connection.execute(_FORGET_REMOVALS)
    connection.execute(_FORGET_DOCUMENTS)
    connection.execute(_FORGET_REJECTIONS)
    connection.execute(_END_MERGES)
    connection.execute(_FORGET_MERGED)
    found = connection.execute(_REQUEUE).rowcount
    connection.execute("RESET ROLE")
    return found
