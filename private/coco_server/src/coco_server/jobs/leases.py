"""Leases of jobs: only the holder of the fence may write to a job's row or end it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coco_core.errors import LeaseLost
from coco_server.jobs import events
from coco_server.jobs.records import Job
from coco_server.store import versions
from coco_server.store.rows import json_value
from coco_server.store.session import Session

__all__ = ["end", "lock_leased", "require_lease"]


def lock_leased(session: Session, held: Job) -> None:
    """Lock the row of a job until the transaction ends, and make sure that it is still held.

    Raises:
        LeaseLost: another worker has the job.
    """
    found = session.connection.execute(
        "SELECT 1 FROM jobs WHERE job_id = %s AND fence = %s AND state = 'running' FOR UPDATE",
        (held.job_id, held.fence),
    ).rowcount
    require_lease(found, held)


def require_lease(rows: int, held: Job) -> None:
    """Make sure that a statement with the job's fence found its row.

    Raises:
        LeaseLost: it found none.
    """
    if not rows:
        raise LeaseLost(
            f"The job {held.job_id!r} is no longer held with fence {held.fence}.",
            hint="Roll back and drop the work; another worker has it, or it has ended.",
        )


def end(
    session: Session,
    job_id: str,
    state: str,
    *,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> None:
    """End a job for good; a build that it leaves unfinished ends with it."""
    # The version is read from the row: a merge gets its own only after the job was claimed.
    row = session.connection.execute(
        "UPDATE jobs SET state = %s, finished_at = now(), lease_owner = NULL, lease_until = NULL, "
        "result = coalesce(%s, result), error = %s WHERE job_id = %s RETURNING version_id",
        (state, json_value(result), json_value(error), job_id),
    ).fetchone()
    if row is not None and row[0] is not None and state != "succeeded":
        why = error or {"code": state, "message": f"Its job was {state}."}
        versions.fail(session, row[0], why)
    events.append(session, job_id, state, {"result": result, "error": error})
