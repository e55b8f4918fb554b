"""Orphaned jobs and blobs: finished jobs of removed versions, and what nothing refers to.

A process that is killed leaves an import without a job, a rule that is not registered, or a part of
an upload. They go an hour later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from psycopg import sql

from coco_server.store.blobs import BlobInfo, BlobStore
from coco_server.store.partial_uploads import partial_uploads
from coco_server.store.session import Database, SystemSession

__all__ = ["Orphans", "remove_orphans"]

# Jobs that one transaction deletes, with their events and rejected items.
_STEP_JOBS = 200

# Blobs that one statement compares with the jobs.
_STEP_BLOBS = 1_000

# An import that has come is counted before its job exists; of 20 GB that takes minutes.
_GRACE_HOURS = 1.0

# A version is built again from what its job names, or the jobs of its segments, so these stay as
# long as it does.
_ENDED = sql.SQL("""
    job.state IN ('succeeded', 'failed', 'cancelled')
    AND job.finished_at <= now() - make_interval(secs => %(hours)s * 3600)
    AND NOT EXISTS (
        SELECT FROM project_versions AS version
        WHERE version.org_id = job.org_id AND version.version_id = job.version_id
            AND version.status <> 'FAILED'
    )
    AND NOT EXISTS (
        SELECT FROM segments
        WHERE segments.org_id = job.org_id AND segments.sources @> ARRAY[job.job_id]
    )
""")

_OF_ORG = sql.SQL("(%(org)s::text IS NULL OR job.org_id = %(org)s)")

_COUNT = sql.SQL("SELECT count(*) FROM jobs AS job WHERE {org} AND {ended}")

_DELETE = sql.SQL("""
    DELETE FROM jobs WHERE job_id = ANY (ARRAY(
        SELECT job_id FROM jobs AS job WHERE {org} AND {ended} LIMIT %(most)s
    ))
""")

# Imports that no job refers to, or only jobs that go themselves; modules that are no rules.
_UNNEEDED = sql.SQL("""
    SELECT ref FROM unnest(%(refs)s::text[]) AS ref
    WHERE NOT EXISTS (
        SELECT FROM jobs AS job WHERE job.payload ->> 'blob_ref' = ref AND NOT ({ended})
    ) AND NOT EXISTS (SELECT FROM text_rules WHERE wasm_module_ref = ref)
""")


@dataclass(frozen=True, slots=True)
class Orphans:
    """What was, or would be, removed."""

    jobs: int
    blobs: int
    """Imports, modules and the like."""
    blob_bytes: int
    partial_uploads: int = 0
    """Files of uploads that broke off."""


def remove_orphans(
    database: Database,
    blobs: BlobStore,
    *,
    hours: float,
    org_id: str | None = None,
    dry_run: bool = False,
) -> Orphans:
    """Remove in small steps, or count, what ended longer ago than ``hours``.

    What nothing refers to goes an hour after it was written.

    Raises:
        Unavailable: the database or the blob store does not answer.
    """
    with database.system() as session:
        jobs = _count_jobs(session, hours, org_id)
    if not dry_run:
        jobs = 0
        while deleted := _delete_jobs(database, hours, org_id):
            jobs += deleted
    count, size = 0, 0
    for blob in _unneeded(database, blobs, hours, org_id):
        if not dry_run:
            blobs.delete(blob.ref.partition("/")[0], blob.ref)
        count, size = count + 1, size + blob.size
    until, parts = _grace(), 0
    for path, length in partial_uploads(blobs.url, org_id, until):
        if not dry_run:
            path.unlink(missing_ok=True)
        parts, size = parts + 1, size + length
    return Orphans(jobs, count, size, parts)


def _count_jobs(session: SystemSession, hours: float, org_id: str | None) -> int:
    row = session.connection.execute(
        _COUNT.format(org=_OF_ORG, ended=_ENDED),
        {"hours": hours, "org": org_id},
    ).fetchone()
    return int(row[0]) if row else 0


def _delete_jobs(database: Database, hours: float, org_id: str | None) -> int:
    with database.system() as session:
        return session.connection.execute(
            _DELETE.format(org=_OF_ORG, ended=_ENDED),
            {"hours": hours, "org": org_id, "most": _STEP_JOBS},
        ).rowcount


def _unneeded(
    database: Database, blobs: BlobStore, hours: float, org_id: str | None
) -> Iterator[BlobInfo]:
    """Yield what no job refers to that stays, nor a rule."""
    for step in _steps(blobs.written_before(org_id, _grace())):
        with database.system() as session:
            rows = session.connection.execute(
                _UNNEEDED.format(ended=_ENDED),
                {"refs": [blob.ref for blob in step], "hours": hours},
            ).fetchall()
        free = {ref for (ref,) in rows}
        yield from (blob for blob in step if blob.ref in free)


def _grace() -> datetime:
    return datetime.now(UTC) - timedelta(hours=_GRACE_HOURS)


def _steps(found: Iterable[BlobInfo]) -> Iterator[list[BlobInfo]]:
    rest = iter(found)
    while step := list(islice(rest, _STEP_BLOBS)):
        yield step
