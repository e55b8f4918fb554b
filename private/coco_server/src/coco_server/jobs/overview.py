"""The queue as its operator sees it: jobs of all orgs, dead letters, ages, workers that report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from coco_core.errors import JobNotFound
from coco_server.jobs.queue import find
from coco_server.jobs.records import Job, JobState
from coco_server.store.rows import all_rows
from coco_server.store.session import SystemSession, TenantSession

__all__ = [
    "QueueState",
    "WorkerSeen",
    "dead_letters",
    "forget_worker",
    "get",
    "list_jobs",
    "queue_state",
    "report_worker",
    "unfinished",
    "workers_seen",
]

# A worker that has not reported for this long is gone; it reports every quarter of a lease.
_SEEN_SECONDS = 120

_JOBS = """
    SELECT {columns} FROM jobs WHERE (%(org)s::text IS NULL OR org_id = %(org)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s) ORDER BY job_id DESC LIMIT %(most)s
"""

# Oldest first, so that requeueing many keeps their order.
_DEAD_LETTERS = """
    SELECT {columns} FROM jobs WHERE state = 'failed' AND requeued_as IS NULL
    AND (%(org)s::text IS NULL OR org_id = %(org)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(code)s::text IS NULL OR error ->> 'code' = %(code)s) ORDER BY job_id LIMIT %(most)s
"""

_STATE = """
    SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'),
        count(*) FILTER (WHERE state = 'queued' AND attempt > 0),
        coalesce(extract(epoch FROM now() - min(created_at) FILTER (
            WHERE state = 'queued' AND run_after <= now())), 0)::float8,
        coalesce(extract(epoch FROM now() - min(started_at) FILTER (
            WHERE state = 'running')), 0)::float8
    FROM jobs WHERE state IN ('queued', 'running')
"""

_FAILED = """
    SELECT coalesce(error ->> 'code', 'unknown'), count(*) FROM jobs
    WHERE state = 'failed' AND requeued_as IS NULL GROUP BY 1
"""

_REPORT = """
    INSERT INTO workers (worker_id, version, slots, running) VALUES (%s, %s, %s, %s)
    ON CONFLICT (worker_id) DO UPDATE SET running = excluded.running, seen_at = now()
"""


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue at one moment."""

    queued: int
    running: int
    retrying: int
    """Of those that wait: they have failed before."""
    oldest_queued_seconds: float
    """How long the oldest one waits that could run."""
    oldest_running_seconds: float
    dead_letters: dict[str, int]
    """Failed jobs that no other job replaces, by the code of their error."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker that has reported lately."""

    worker_id: str
    version: str
    slots: int
    running: int
    started_at: datetime
    seen_at: datetime


def get(session: SystemSession, job_id: str) -> Job:
    """Return a job of any org.

    Raises:
        JobNotFound: there is none of this id.
    """
    found = find(session, job_id)
    if found is None:
        raise JobNotFound(f"There is no job {job_id!r}.")
    return found


def list_jobs(
    session: SystemSession,
    *,
    org_id: str | None = None,
    state: JobState | None = None,
    kind: str | None = None,
    most: int = 100,
) -> list[Job]:
    """Return the newest jobs, newest first."""
    values = {"org": org_id, "state": state, "kind": kind, "most": most}
    return all_rows(session, Job, _JOBS, values)


def dead_letters(
    session: SystemSession,
    *,
    org_id: str | None = None,
    kind: str | None = None,
    code: str | None = None,
    most: int = 1000,
) -> list[Job]:
    """Return failed jobs that no other job replaces, oldest first."""
    values = {"org": org_id, "kind": kind, "code": code, "most": most}
    return all_rows(session, Job, _DEAD_LETTERS, values)


def unfinished(session: TenantSession, project_id: str) -> list[Job]:
    """Return the jobs of a project that wait or run."""
    return all_rows(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %s AND project_id = %s "
        "AND state IN ('queued', 'running')",
        (session.org_id, project_id),
    )


def queue_state(session: SystemSession) -> QueueState:
    """Return counts and ages for metrics and scaling."""
    row = session.connection.execute(_STATE).fetchone()
    assert row is not None
    failed: dict[str, int] = dict(session.connection.execute(_FAILED).fetchall())
    return QueueState(row[0], row[1], row[2], row[3], row[4], failed)


def report_worker(
    session: SystemSession, worker_id: str, *, version: str, slots: int, running: int
) -> None:
    """Note that a worker runs, and forget those that stopped reporting long ago."""
    session.connection.execute(_REPORT, (worker_id, version, slots, running))
    session.connection.execute(
        "DELETE FROM workers WHERE seen_at < now() - make_interval(secs => %s)",
        (_SEEN_SECONDS * 10,),
    )


def workers_seen(session: SystemSession) -> list[WorkerSeen]:
    """Return the workers that have reported within two minutes."""
    return all_rows(
        session,
        WorkerSeen,
        "SELECT {columns} FROM workers WHERE seen_at > now() - make_interval(secs => %s) "
        "ORDER BY started_at",
        (_SEEN_SECONDS,),
    )


def forget_worker(session: SystemSession, worker_id: str) -> None:
    """Note that a worker has stopped in order."""
    session.connection.execute("DELETE FROM workers WHERE worker_id = %s", (worker_id,))
