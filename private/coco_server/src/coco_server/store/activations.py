"""Intents and history of a project: who may activate a build, and what a rollback goes back to.

An *intent* is a request to change what is active: an import when it is sent, an activation, a
rollback. They are numbered, so that a build knows when it ends whether a newer one came after its
own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from coco_core.errors import ProjectNotFound
from coco_server.store.session import TenantSession

__all__ = ["Intent", "declare", "lock", "record", "step_back"]


@dataclass(frozen=True, slots=True)
class Intent:
    """The request to activate a build, as it was when the import was sent."""

    number: int
    active_version_id: str | None
    """What was active then; None: nothing."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave."""
        return cls(int(data["number"]), data["active_version_id"])

    def superseded_by(self, now: Intent) -> bool:
        """Whether something else is active than was, and a newer intent than this one came."""
        return now.active_version_id != self.active_version_id and now.number > self.number


def declare(session: TenantSession, project_id: str) -> Intent:
    """Count an intent; the project's row is locked until the transaction ends.

    Take it after the org's totals: that is the order of all transactions that need both.

    Raises:
        ProjectNotFound: the org has no such project.
    """
    return _intent(
        project_id,
        session.connection.execute(
            "UPDATE projects SET intent = intent + 1 WHERE org_id = %s AND project_id = %s "
            "RETURNING intent, active_version_id",
            (session.org_id, project_id),
        ).fetchone(),
    )


def lock(session: TenantSession, project_id: str) -> Intent:
    """Return the newest intent, and keep what is active as it is until the transaction ends.

    Raises:
        ProjectNotFound: the org has no such project.
    """
    return _intent(
        project_id,
        session.connection.execute(
            "SELECT intent, active_version_id FROM projects "
            "WHERE org_id = %s AND project_id = %s FOR NO KEY UPDATE",
            (session.org_id, project_id),
        ).fetchone(),
    )


def record(session: TenantSession, project_id: str, version_id: str) -> None:
    """Add to the history that a version became active."""
    session.connection.execute(
        "INSERT INTO activations (org_id, project_id, version_id) VALUES (%s, %s, %s)",
        (session.org_id, project_id, version_id),
    )


def step_back(session: TenantSession, project_id: str) -> str | None:
    """Return the version that was active before, and mark what came after it as undone.

    None when nothing is left to go back to. The project is locked by the caller.
    """
    row = session.connection.execute(
        # What is active is no ARCHIVED version; neither is one that retention has removed.
        "SELECT seq, version_id FROM activations JOIN project_versions AS version "
        "USING (org_id, project_id, version_id) "
        "WHERE org_id = %s AND project_id = %s AND undone_at IS NULL "
        "AND version.status = 'ARCHIVED' ORDER BY seq DESC LIMIT 1",
        (session.org_id, project_id),
    ).fetchone()
    if row is None:
        return None
    session.connection.execute(
        "UPDATE activations SET undone_at = now() "
        "WHERE org_id = %s AND project_id = %s AND undone_at IS NULL AND seq > %s",
        (session.org_id, project_id, row[0]),
    )
    return str(row[1])


def _intent(project_id: str, row: tuple[Any, ...] | None) -> Intent:
    if row is None:
        raise ProjectNotFound(f"There is no project {project_id!r}.")
    return Intent(row[0], row[1])
