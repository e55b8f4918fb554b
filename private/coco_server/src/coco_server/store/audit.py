"""The audit log: administrative actions and exports, logged in the transaction of the action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, LiteralString, TypeAlias

from coco_core.errors import InvalidInput
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, json_value
from coco_server.store.session import Session, SystemSession

__all__ = ["Act", "Actor", "AuditAction", "AuditEvent", "AuditQuery", "read", "record", "trim"]

AuditAction: TypeAlias = Literal[
    "org.save",
    "org.sign_in",
    "key.create",
    "key.rotate",
    "key.revoke",
    "project.register",
    "project.erase",
    "org.erase",
    "user.erase",
    "job.requeue",
    "job.cancel",
    "project.defaults",
    "config.register",
    "version.activate",
    "version.rollback",
    "version.remove",
    "retention.prune",
    "rule.register",
    "rule.remove",
    "export.chunks",
    "export.rejections",
]
"""What is logged. Other actions are texts of the same form."""

# Rows that one transaction of retention deletes.
_STEP_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and by which request."""

    name: str
    """``admin``, a key's id, or ``cli:`` with the account of the operating system."""
    request_id: str | None = None
    source: str | None = None
    """The address that the request came from."""


@dataclass(frozen=True, slots=True)
class Act:
    """An action that is about to be done."""

    actor: Actor
    action: AuditAction
    org_id: str | None = None
    """None: it concerns the whole service."""
    project_id: str | None = None
    target: str | None = None
    """The id of what is changed or read."""
    details: Mapping[str, object] = field(default_factory=dict)
    """Plain data; no contents and no secrets."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A row of the log."""

    event_id: str
    org_id: str | None
    at: datetime
    actor: str
    action: str
    target: str | None
    project_id: str | None
    request_id: str | None
    source: str | None
    outcome: str
    """``done``, or the code of the error that ended it."""
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows are wanted; what is None does not narrow."""

    org_id: str | None = None
    project_id: str | None = None
    projects: list[str] | None = None
    """Of these projects only: what a key that is bound to them may see."""
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: float | None = None
    """Unix seconds, inclusive."""
    until: float | None = None
    """Unix seconds, exclusive."""
    before: str | None = None
    """The last event of the page before."""
    limit: int = 100


def record(session: Session, act: Act, *, outcome: str = "done") -> None:
    """Add an event; it is there if and only if the session's transaction is committed."""
    actor = act.actor
    session.connection.execute(
        "INSERT INTO audit_log (event_id, org_id, actor, action, target, project_id, request_id, "
        "source, outcome, details) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            new_id("aud"),
            act.org_id,
            actor.name,
            act.action,
            act.target,
            act.project_id,
            actor.request_id,
            actor.source,
            outcome,
            json_value(act.details),
        ),
    )


_READ: LiteralString = """
    SELECT {columns} FROM audit_log
    WHERE (%(org_id)s::text IS NULL OR org_id = %(org_id)s)
        AND (%(project_id)s::text IS NULL OR project_id = %(project_id)s)
        AND (%(projects)s::text[] IS NULL OR project_id = ANY(%(projects)s))
        AND (%(actor)s::text IS NULL OR actor = %(actor)s)
        AND (%(action)s::text IS NULL OR action = %(action)s)
        AND (%(target)s::text IS NULL OR target = %(target)s)
        AND (%(since)s::float8 IS NULL OR at >= to_timestamp(%(since)s))
        AND (%(until)s::float8 IS NULL OR at < to_timestamp(%(until)s))
        AND (%(last_at)s::timestamptz IS NULL OR (at, event_id) < (%(last_at)s, %(before)s))
    ORDER BY at DESC, event_id DESC LIMIT %(limit)s
"""


def read(session: Session, query: AuditQuery) -> list[AuditEvent]:
    """Return events that the session sees, newest first.

    Raises:
        InvalidInput: there is no event ``before`` that the session sees.
    """
    last_at = None
    if query.before is not None:
        row = session.connection.execute(
            "SELECT at FROM audit_log WHERE event_id = %(before)s "
            "AND (%(org_id)s::text IS NULL OR org_id = %(org_id)s)",
            {"before": query.before, "org_id": query.org_id},
        ).fetchone()
        if row is None:
            raise InvalidInput(
                f"There is no event {query.before!r} in the log.",
                hint="Send the next_cursor of the page before, or begin without a cursor.",
            )
        last_at = row[0]
    values = {
        "org_id": query.org_id,
        "project_id": query.project_id,
        "projects": query.projects,
        "actor": query.actor,
        "action": query.action,
        "target": query.target,
        "since": query.since,
        "until": query.until,
        "before": query.before,
        "last_at": last_at,
        "limit": query.limit,
    }
    return all_rows(session, AuditEvent, _READ, values)


def trim(session: SystemSession, *, days: float, org_id: str | None = None) -> int:
    """Remove events older than ``days``, a step at a time; returns how many went.

    The database itself keeps the last thirty days, whatever is asked.
    """
    return session.connection.execute(
        "DELETE FROM audit_log WHERE event_id = ANY (ARRAY(SELECT event_id FROM audit_log "
        "WHERE at < now() - make_interval(secs => %(days)s * 86400) "
        "AND (%(org)s::text IS NULL OR org_id = %(org)s) ORDER BY at LIMIT %(step)s))",
        {"days": days, "org": org_id, "step": _STEP_ROWS},
    ).rowcount
