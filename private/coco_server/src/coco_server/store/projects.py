"""Projects: a logical source name, and the active version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coco_core.errors import ProjectNotFound
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, one_row
from coco_server.store.session import Database, Session, TenantSession

__all__ = ["Project", "find", "get", "list_all", "register", "require_all"]


@dataclass(frozen=True, slots=True)
class Project:
    """A registered source of an org."""

    project_id: str
    org_id: str
    source_ref: str
    """A logical name such as ``kb:handbook``; never a path."""
    name: str
    platform: str
    active_version_id: str | None
    """The version that answers; None before the first build is complete."""
    active_config_id: str
    query_config_id: str | None
    """The name of the adopted retrieval config."""
    retrieval_config: Mapping[str, Any] | None
    """What queries take that do not say it themselves; only what was set."""
    created_at: datetime


def register(
    session: TenantSession, source_ref: str, *, name: str, platform: str, config_id: str
) -> Project:
    """Register a source, or return the project that it has already."""
    found = one_row(
        session,
        Project,
        "INSERT INTO projects (project_id, org_id, source_ref, name, platform, active_config_id) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (org_id, source_ref) DO NOTHING "
        "RETURNING {columns}",
        (new_id("prj"), session.org_id, source_ref, name, platform, config_id),
    )
    if found is not None:
        return found
    there = one_row(
        session,
        Project,
        "SELECT {columns} FROM projects WHERE org_id = %s AND source_ref = %s",
        (session.org_id, source_ref),
    )
    assert there is not None, "projects are not deleted while they are registered"
    return there


def get(session: TenantSession, project_id: str) -> Project:
    """Return a project of the org.

    Raises:
        ProjectNotFound: the org has none of this id, whoever else may have.
    """
    found = one_row(
        session,
        Project,
        "SELECT {columns} FROM projects WHERE org_id = %s AND project_id = %s "
        "AND erased_at IS NULL",
        (session.org_id, project_id),
    )
    if found is None:
        raise ProjectNotFound(f"There is no project {project_id!r}.")
    return found


def find(database: Database, project_id: str) -> Project:
    """Return a project of any org, for an operator.

    Raises:
        ProjectNotFound: there is none of this id.
    """
    with database.system() as session:
        found = one_row(
            session,
            Project,
            "SELECT {columns} FROM projects WHERE project_id = %s",
            (project_id,),
        )
    if found is None:
        raise ProjectNotFound(f"There is no project {project_id!r}.")
    return found


def list_all(session: Session) -> list[Project]:
    """Return the projects that the session sees, oldest first."""
    return all_rows(
        session,
        Project,
        "SELECT {columns} FROM projects WHERE erased_at IS NULL ORDER BY project_id",
    )


def require_all(session: Session, org_id: str, project_ids: Sequence[str]) -> None:
    """Check that an org has all of these projects.

    Raises:
        ProjectNotFound: it lacks one.
    """
    if not project_ids:
        return
    rows = session.connection.execute(
        "SELECT project_id FROM projects WHERE org_id = %s AND project_id = ANY(%s) "
        "AND erased_at IS NULL",
        (org_id, list(project_ids)),
    ).fetchall()
    missing = set(project_ids) - {project_id for (project_id,) in rows}
    if missing:
        raise ProjectNotFound(f"There is no project {min(missing)!r}.")
