"""Records of erasures: what was asked for, what was removed, and whether it is complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from psycopg.types.json import Jsonb

from coco_core.errors import InvalidInput, NotFound, ProjectNotFound
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, one_row
from coco_server.store.session import SystemSession

__all__ = ["Erasure", "begin_org", "begin_project", "begin_user", "finish", "keep", "list_all"]

ErasureKind: TypeAlias = Literal["project", "org", "user"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """The removal of a project, an org or a user."""

    erasure_id: str
    kind: ErasureKind
    org_id: str
    project_id: str | None
    user_id: str | None
    vectors: list[list[int]]
    """Segments and dimensions whose vectors are kept outside of the database."""
    removed: Mapping[str, Any]
    """Rows by table, blobs, and segments."""
    created_at: datetime
    finished_at: datetime | None


def begin_project(session: SystemSession, org_id: str, project_id: str) -> Erasure:
    """Let nothing find a project any more; again returns the same erasure.

    Raises:
        ProjectNotFound: the org has none of this id.
    """
    found = session.connection.execute(
        # Its name is free at once for another project.
        "UPDATE projects SET erased_at = coalesce(erased_at, now()), source_ref = project_id, "
        "name = '' WHERE org_id = %s AND project_id = %s",
        (org_id, project_id),
    ).rowcount
    if not found:
        raise ProjectNotFound(f"There is no project {project_id!r}.")
    return _begin(session, "project", org_id, project_id=project_id)


def begin_org(session: SystemSession, org_id: str, name: str) -> Erasure:
    """Let no key of an org open anything any more; ``name`` must be the org's, as confirmation.

    Raises:
        NotFound: there is no such org.
        InvalidInput: it has another name.
    """
    row = session.connection.execute(
        "SELECT name FROM orgs WHERE org_id = %s FOR UPDATE", (org_id,)
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no org {org_id!r}.")
    if row[0] != name:
        raise InvalidInput(
            f"The org {org_id!r} is not named {name!r}; nothing was removed.",
            hint="Give its name as it stands in `coco-server org show`.",
        )
    values = {"org": org_id}
    for statement in (
        "UPDATE orgs SET erased_at = coalesce(erased_at, now()) WHERE org_id = %(org)s",
        "UPDATE projects SET erased_at = coalesce(erased_at, now()) WHERE org_id = %(org)s",
        "DELETE FROM api_keys WHERE org_id = %(org)s",
    ):
        session.connection.execute(statement, values)
    return _begin(session, "org", org_id)


def begin_user(session: SystemSession, org_id: str, user_id: str) -> Erasure:
    """Begin to remove a user's notes and sessions.

    Raises:
        NotFound: the org has no such user.
    """
    known = session.connection.execute(
        "SELECT FROM users WHERE org_id = %(org)s AND user_id = %(user)s UNION ALL "
        "SELECT FROM sessions WHERE org_id = %(org)s AND user_id = %(user)s UNION ALL "
        "SELECT FROM memos WHERE org_id = %(org)s AND user_id = %(user)s UNION ALL "
        "SELECT FROM jobs WHERE org_id = %(org)s AND user_id = %(user)s LIMIT 1",
        {"org": org_id, "user": user_id},
    ).rowcount
    if not known:
        raise NotFound(f"There is no user {user_id!r}.")
    return _begin(session, "user", org_id, user_id=user_id)


def keep(session: SystemSession, erasure: Erasure) -> None:
    """Store what was found and removed so far."""
    session.connection.execute(
        "UPDATE erasures SET vectors = %s, removed = %s WHERE erasure_id = %s",
        (Jsonb(erasure.vectors), Jsonb(dict(erasure.removed)), erasure.erasure_id),
    )


def finish(session: SystemSession, erasure: Erasure) -> Erasure:
    """Mark an erasure as complete."""
    keep(session, erasure)
    done = one_row(
        session,
        Erasure,
        "UPDATE erasures SET finished_at = coalesce(finished_at, now()) WHERE erasure_id = %s "
        "RETURNING {columns}",
        (erasure.erasure_id,),
    )
    assert done is not None, "erasures are not deleted"
    return done


def list_all(session: SystemSession, *, unfinished: bool = False) -> list[Erasure]:
    """Return the erasures, newest first; or those that are not complete, oldest first."""
    if unfinished:
        return all_rows(
            session,
            Erasure,
            "SELECT {columns} FROM erasures WHERE finished_at IS NULL ORDER BY created_at",
        )
    return all_rows(session, Erasure, "SELECT {columns} FROM erasures ORDER BY created_at DESC")


def _begin(
    session: SystemSession,
    kind: ErasureKind,
    org_id: str,
    *,
    project_id: str | None = None,
    user_id: str | None = None,
) -> Erasure:
    values = {"id": new_id("era"), "kind": kind, "org": org_id, "project": project_id,
              "user": user_id}  # fmt: skip
    there = one_row(
        session,
        Erasure,
        "SELECT {columns} FROM erasures WHERE kind = %(kind)s AND org_id = %(org)s "
        "AND project_id IS NOT DISTINCT FROM %(project)s "
        "AND user_id IS NOT DISTINCT FROM %(user)s AND finished_at IS NULL",
        values,
    )
    if there is not None:
        return there
    made = one_row(
        session,
        Erasure,
        "INSERT INTO erasures (erasure_id, kind, org_id, project_id, user_id) "
        "VALUES (%(id)s, %(kind)s, %(org)s, %(project)s, %(user)s) RETURNING {columns}",
        values,
    )
    assert made is not None
    return made
