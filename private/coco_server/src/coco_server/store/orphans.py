"""Orphaned jobs and blobs: finished jobs of removed versions, and imports that no job refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from psycopg import sql

from coco_server.store.blobs import BlobInfo, BlobStore
from coco_server.store.session import Database, SystemSession

__all__ = ["Orphans", "remove_orphans"]

# Jobs that one transaction deletes, with their events and rejected items.
_STEP_JOBS = 200

# Blobs that one statement compares with the jobs.
_STEP_BLOBS = 1_000

# An import that has come is counted before its job exists; of 20 GB that takes minutes.
_YOUNG_HOURS = 1.0

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

_UNNEEDED = sql.SQL("""
    SELECT ref FROM unnest(%(refs)s::text[]) AS ref WHERE NOT EXISTS (
        SELECT FROM jobs AS job WHERE job.payload ->> 'blob_ref' = ref AND NOT ({ended})
    )
""")


@dataclass(frozen=True, slots=True)
class Orphans:
    """What was, or would be, removed."""

    jobs: int
    blobs: int
    blob_bytes: int


def remove_orphans(
    database: Database,
    blobs: BlobStore,
    *,
    hours: float,
    org_id: str | None = None,
    dry_run: bool = False,
) -> Orphans:
    """Remove in small steps, or count, what ended longer ago than ``hours``.

    Text rules stay: they are named by imports to come.

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
    return Orphans(jobs, count, size)


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
    """Yield old imports to which no job refers that stays."""
    until = datetime.now(UTC) - timedelta(hours=max(hours, _YOUNG_HOURS))
    for step in _steps(blobs.imports(org_id, until)):
        with database.system() as session:
            rows = session.connection.execute(
                _UNNEEDED.format(ended=_ENDED),
                {"refs": [blob.ref for blob in step], "hours": hours},
            ).fetchall()
        free = {ref for (ref,) in rows}
        yield from (blob for blob in step if blob.ref in free)


def _steps(found: Iterable[BlobInfo]) -> Iterator[list[BlobInfo]]:
    rest = iter(found)
    while step := list(islice(rest, _STEP_BLOBS)):
        yield step
