"""Compaction job: writes the segments of a version as one, in the background."""

from __future__ import annotations

from dataclasses import replace

import psycopg

from coco_core.errors import VersionNotFound
from coco_server.jobs import queue, sources
from coco_server.jobs.records import COMPACT
from coco_server.store import compaction, segment_drop, segments, versions
from coco_server.store.compaction import Compaction
from coco_server.store.session import Database, TenantSession
from coco_server.store.vectors import VectorStore
from coco_server.store.versions import Version
from coco_worker.leased_job import LeasedJob

__all__ = ["compact", "enqueue_if_due"]

# Every import of the org goes first.
_PRIORITY = -10


class _Overtaken(Exception):
    """Another version answers, which is not made of the segments that were compacted."""


def enqueue_if_due(session: TenantSession, version: Version) -> None:
    """Add a job in the transaction that activates a version, unless one waits or is not needed."""
    layout = segments.layout_of(session, version.parts)
    if not compaction.is_due(layout, version):
        return
    there = session.connection.execute(
        "SELECT 1 FROM jobs WHERE org_id = %s AND project_id = %s AND config_id = %s "
        "AND kind = %s AND state IN ('queued', 'running') LIMIT 1",
        (session.org_id, version.project_id, version.config_id, COMPACT),
    ).rowcount
    if not there:
        queue.enqueue(
            session,
            project_id=version.project_id,
            kind=COMPACT,
            payload={},
            config_id=version.config_id,
            # Merges wait only for what gives chunks new keys.
            merge=compaction.renumbers(layout, version),
            priority=_PRIORITY,
        )


def compact(
    leased: LeasedJob, database: Database, vectors: VectorStore, helpers: int | None
) -> None:
    """Do such a job to its end; what an earlier attempt committed is not done again.

    Raises:
        JobInterrupted: the job was cancelled, lost, or the worker stops.
        CocoError: something outside does not allow it.
    """
    try:
        _compact(leased, database, vectors, helpers)
    except (_Overtaken, psycopg.errors.UndefinedTable, VersionNotFound):
        # Another version answers by now; retention may have removed what was compacted.
        _give_up(leased, database)


def _compact(
    leased: LeasedJob, database: Database, vectors: VectorStore, helpers: int | None
) -> None:
    job = leased.job
    begun = _begin(leased, database)
    if begun is None:
        return
    version, done = begun
    while True:
        leased.check()
        with database.tenant(job.org_id) as session:
            further = compaction.copy(session, version, done, vectors)
            if further is None:
                break
            queue.progress(
                session, job, done=further.chunks, checkpoint=further.to_dict(), stage="compact"
            )
        done = further
    leased.check()
    with database.tenant(job.org_id) as session:
        sources.carry(session, replace(version, segments=done.parts), done.segment)
        if not compaction.complete(session, version, done, vectors, helpers=helpers):
            raise _Overtaken
        result = {"compacted": True, "chunks": done.chunks, "segments": len(done.parts)}
        queue.finish(session, job, result)


def _begin(leased: LeasedJob, database: Database) -> tuple[Version, Compaction] | None:
    """Choose the version, or go on with the one that an earlier attempt chose; None: not needed."""
    job = leased.job
    with database.tenant(job.org_id) as session:
        if job.checkpoint:
            done = Compaction.from_dict(job.checkpoint)
            return versions.get(session, job.project_id, done.version_id), done
        assert isinstance(job.config_id, str)
        version = versions.newest_of_config(session, job.project_id, job.config_id)
        layout = segments.layout_of(session, version.parts) if version is not None else None
        if version is None or layout is None or not compaction.is_due(layout, version):
            queue.finish(session, job, {"compacted": False})
            return None
        # A job that does not hold merges back must not give chunks new keys.
        renumber = job.merge and compaction.renumbers(layout, version)
        done = compaction.begin(session, version, renumber=renumber)
        queue.progress(session, job, done=0, checkpoint=done.to_dict(), stage="compact")
        return version, done


def _give_up(leased: LeasedJob, database: Database) -> None:
    job = leased.job
    with database.tenant(job.org_id) as session:
        row = session.connection.execute(
            "SELECT checkpoint ->> 'segment' FROM jobs WHERE job_id = %s", (job.job_id,)
        ).fetchone()
        if row is not None and row[0] is not None:
            segment_drop.drop_if_unused(session, int(row[0]))
        queue.finish(session, job, {"compacted": False})
