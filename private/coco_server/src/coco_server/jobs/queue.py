"""The queue: enqueue in the caller's transaction, claim with SKIP LOCKED, fence every commit.

The database's clock is the only one. A worker holds a job by lease and fence: the lease says who
should work, the fence who may write. Whether a worker still lives never decides correctness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coco_core.errors import JobNotFound
from coco_server.jobs import events, requests
from coco_server.jobs.claims import LEASE_SECONDS, claim
from coco_server.jobs.leases import end, lock_leased, require_lease
from coco_server.jobs.records import Job
from coco_server.jobs.requests import RequestKey
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, json_value, one_row
from coco_server.store.session import Session, SystemSession, TenantSession

__all__ = [
    "JOBS_CHANNEL",
    "LEASE_SECONDS",
    "build_anew",
    "cancelled",
    "claim",
    "enqueue",
    "fail",
    "fences",
    "find",
    "finish",
    "get",
    "heartbeat",
    "heartbeat_seconds",
    "list_of",
    "of_version",
    "progress",
    "release",
    "request_cancel",
    "waiting",
]

JOBS_CHANNEL = "coco_jobs"
"""Told the job's id whenever one is enqueued or its cancellation is asked for."""

# First retry of a failed attempt; each further one waits twice as long.
_RETRY_SECONDS = 5.0


def enqueue(
    session: TenantSession,
    *,
    project_id: str,
    kind: str,
    payload: Mapping[str, object],
    user_id: str | None = None,
    version_id: str | None = None,
    config_id: str | None = None,
    merge: bool = False,
    doc_id: str | None = None,
    request: RequestKey | None = None,
    priority: int = 0,
    max_attempts: int = 5,
    total: int | None = None,
) -> Job:
    """Add a job; it exists once the caller's transaction commits, and workers are woken then.

    A ``merge`` under a config waits until no other build of the project under it is under way.

    A job that was enqueued before with the same ``request`` is returned instead. Before something
    else is made for the job, look with `requests.find`, in the same transaction.
    """
    made = one_row(
        session,
        Job,
        "INSERT INTO jobs (job_id, org_id, project_id, user_id, version_id, config_id, merge, "
        "doc_id, kind, payload, request_key, request_config, request_hash, priority, "
        "max_attempts, total) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (org_id, project_id, request_config, request_key) "
        "WHERE request_key IS NOT NULL DO NOTHING RETURNING {columns}",
        (
            new_id("job"),
            session.org_id,
            project_id,
            user_id,
            version_id,
            config_id,
            merge,
            doc_id,
            kind,
            json_value(payload),
            request.key if request else None,
            request.config if request else "",
            request.content if request else None,
            priority,
            max_attempts,
            total,
        ),
    )
    if made is None:
        assert request is not None, "nothing else conflicts"
        there = requests.find(session, project_id, request, config_id or "")
        assert there is not None
        return there
    events.append(session, made.job_id, "queued", {"kind": kind})
    session.connection.execute("SELECT pg_notify(%s, %s)", (JOBS_CHANNEL, made.job_id))
    return made


def heartbeat(
    session: SystemSession,
    worker: str,
    fences: Mapping[str, int],
    *,
    lease_seconds: float = LEASE_SECONDS,
) -> dict[str, bool]:
    """Renew the leases of a worker's jobs, in one statement.

    Returns the jobs that are still its own, each with whether it shall be cancelled; a job that is
    missing was given to another worker or ended: stop working on it.
    """
    rows = session.connection.execute(
        "UPDATE jobs SET lease_until = now() + make_interval(secs => %s) "
        "FROM unnest(%s::text[], %s::bigint[]) AS held (job_id, fence) "
        "WHERE jobs.job_id = held.job_id AND jobs.fence = held.fence "
        "AND jobs.state = 'running' AND jobs.lease_owner = %s "
        "RETURNING jobs.job_id, jobs.cancel_requested",
        (lease_seconds, list(fences), list(fences.values()), worker),
    ).fetchall()
    return dict(rows)


def progress(
    session: Session,
    held: Job,
    *,
    done: int,
    checkpoint: Mapping[str, object],
    stage: str | None = None,
    total: int | None = None,
    event: Mapping[str, object] | None = None,
) -> None:
    """Record progress as the last statement of a transaction: it commits only if the job is held.

    Raises:
        LeaseLost: another worker has the job; the transaction must be rolled back.
    """
    require_lease(
        session.connection.execute(
            "UPDATE jobs SET done = %s, checkpoint = %s, stage = coalesce(%s, stage), "
            "total = coalesce(%s, total) WHERE job_id = %s AND fence = %s AND state = 'running'",
            (done, json_value(checkpoint), stage, total, held.job_id, held.fence),
        ).rowcount,
        held,
    )
    if event is not None:
        events.append(session, held.job_id, "progress", event)


def build_anew(
    session: Session, held: Job, version_id: str, checkpoint: Mapping[str, object]
) -> None:
    """Let a job build this version from the beginning; call it as `progress`.

    Raises:
        LeaseLost: another worker has the job.
    """
    require_lease(
        session.connection.execute(
            "UPDATE jobs SET version_id = %s, done = 0, checkpoint = %s "
            "WHERE job_id = %s AND fence = %s AND state = 'running'",
            (version_id, json_value(checkpoint), held.job_id, held.fence),
        ).rowcount,
        held,
    )


def finish(session: Session, held: Job, result: Mapping[str, object]) -> None:
    """End a job with success; see `progress` for when to call it.

    Raises:
        LeaseLost: another worker has the job.
    """
    lock_leased(session, held)
    end(session, held.job_id, "succeeded", result=result)


def fail(
    session: Session,
    held: Job,
    error: Mapping[str, object],
    *,
    retry: bool = False,
    result: Mapping[str, object] | None = None,
) -> bool:
    """End an attempt that failed; returns whether another one follows.

    Raises:
        LeaseLost: another worker has the job.
    """
    lock_leased(session, held)
    if not retry or held.attempt >= held.max_attempts:
        end(session, held.job_id, "failed", error=error, result=result)
        return False
    session.connection.execute(
        "UPDATE jobs SET state = 'queued', lease_owner = NULL, lease_until = NULL, error = %s, "
        "run_after = now() + make_interval(secs => %s) WHERE job_id = %s",
        (json_value(error), _RETRY_SECONDS * 2 ** (held.attempt - 1), held.job_id),
    )
    events.append(session, held.job_id, "retry", {"attempt": held.attempt, "error": dict(error)})
    return True


def cancelled(session: Session, held: Job, result: Mapping[str, object] | None = None) -> None:
    """End a job whose cancellation was asked for.

    Raises:
        LeaseLost: another worker has the job.
    """
    lock_leased(session, held)
    end(session, held.job_id, "cancelled", result=result)


def release(session: Session, held: Job) -> None:
    """Give a job back at a graceful stop: it waits again, and the attempt does not count.

    Raises:
        LeaseLost: another worker has the job.
    """
    lock_leased(session, held)
    session.connection.execute(
        "UPDATE jobs SET state = 'queued', attempt = attempt - 1, lease_owner = NULL, "
        "lease_until = NULL WHERE job_id = %s",
        (held.job_id,),
    )
    events.append(session, held.job_id, "released", {})
    session.connection.execute("SELECT pg_notify(%s, %s)", (JOBS_CHANNEL, held.job_id))


def request_cancel(session: TenantSession, project_id: str, job_id: str) -> Job:
    """Ask for an end: at once if the job waits, at its next step if it runs; the ended stays so.

    Raises:
        JobNotFound: the org's project has no such job.
    """
    row = session.connection.execute(
        "SELECT state FROM jobs WHERE org_id = %s AND project_id = %s AND job_id = %s FOR UPDATE",
        (session.org_id, project_id, job_id),
    ).fetchone()
    if row is not None and row[0] == "queued":
        end(session, job_id, "cancelled")
    elif row is not None and row[0] == "running":
        session.connection.execute(
            "UPDATE jobs SET cancel_requested = true WHERE job_id = %s", (job_id,)
        )
        events.append(session, job_id, "cancelling", {})
        session.connection.execute("SELECT pg_notify(%s, %s)", (JOBS_CHANNEL, job_id))
    return get(session, project_id, job_id)


def get(session: TenantSession, project_id: str, job_id: str) -> Job:
    """Return a job of a project.

    Raises:
        JobNotFound: the org's project has none of this id.
    """
    found = one_row(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %s AND project_id = %s AND job_id = %s",
        (session.org_id, project_id, job_id),
    )
    if found is None:
        raise JobNotFound(f"There is no job {job_id!r}.")
    return found


def find(session: SystemSession, job_id: str) -> Job | None:
    """Return a job of any org, for whoever works on it."""
    return one_row(session, Job, "SELECT {columns} FROM jobs WHERE job_id = %s", (job_id,))


def list_of(session: TenantSession, project_id: str, *, most: int = 100) -> list[Job]:
    """Return the newest jobs of a project, newest first."""
    return all_rows(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %s AND project_id = %s "
        "ORDER BY job_id DESC LIMIT %s",
        (session.org_id, project_id, most),
    )


def of_version(session: TenantSession, project_id: str, version_id: str) -> Job | None:
    """Return the job that built a version, if it is still known."""
    return one_row(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %s AND project_id = %s AND version_id = %s "
        "ORDER BY job_id LIMIT 1",
        (session.org_id, project_id, version_id),
    )


def waiting(session: SystemSession) -> dict[str, int]:
    """Return how many jobs wait and run, for scaling and metrics."""
    rows = session.connection.execute(
        "SELECT state, count(*) FROM jobs WHERE state IN ('queued', 'running') GROUP BY state"
    ).fetchall()
    return {"queued": 0, "running": 0, **dict(rows)}


def heartbeat_seconds(lease_seconds: float = LEASE_SECONDS) -> float:
    """Return how often a lease of this length is to be renewed."""
    return lease_seconds / 4


def fences(held: Sequence[Job]) -> dict[str, int]:
    """Return what `heartbeat` takes."""
    return {job.job_id: job.fence for job in held}
