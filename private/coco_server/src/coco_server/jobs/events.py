"""Events of a job: append-only, numbered without gaps, so that a reader can resume anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coco_server.store.rows import all_rows, json_value
from coco_server.store.session import Session, TenantSession

__all__ = ["EVENTS_CHANNEL", "StoredEvent", "append", "read"]

EVENTS_CHANNEL = "coco_events"
"""Told the job's id whenever it has a new event."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Something that happened to a job."""

    seq: int
    at: datetime
    kind: str
    body: Mapping[str, Any]


def append(session: Session, job_id: str, kind: str, body: Mapping[str, object]) -> None:
    """Add an event, and wake whoever follows the job once this transaction commits.

    The job's row is locked until then: events become visible in the order of their numbers.
    """
    session.connection.execute(
        "WITH numbered AS (UPDATE jobs SET last_event = last_event + 1 WHERE job_id = %(job)s "
        "RETURNING org_id, job_id, last_event) "
        "INSERT INTO job_events (org_id, job_id, seq, kind, body) "
        "SELECT org_id, job_id, last_event, %(kind)s, %(body)s FROM numbered",
        {"job": job_id, "kind": kind, "body": json_value(body)},
    )
    session.connection.execute("SELECT pg_notify(%s, %s)", (EVENTS_CHANNEL, job_id))


def read(
    session: TenantSession, job_id: str, *, after: int = 0, most: int = 1000
) -> list[StoredEvent]:
    """Return the events of a job whose number is above ``after``, oldest first."""
    return all_rows(
        session,
        StoredEvent,
        "SELECT {columns} FROM job_events WHERE org_id = %s AND job_id = %s AND seq > %s "
        "ORDER BY seq LIMIT %s",
        (session.org_id, job_id, after, most),
    )
