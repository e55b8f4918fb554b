"""A user's notes in a project, and the sessions whose tokens open them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coco_core.errors import NotFound, Unauthorized
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, one_row
from coco_server.store.session import Scope, TenantSession

__all__ = [
    "Memo",
    "MemoSession",
    "create",
    "delete",
    "list_of",
    "open_session",
    "require_session",
]


@dataclass(frozen=True, slots=True)
class MemoSession:
    """A session of one user in one project."""

    session_id: str
    org_id: str
    project_id: str
    user_id: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Memo:
    """A note."""

    memo_id: str
    user_id: str
    content: str
    tags: list[str]
    created_at: datetime
    expires_at: datetime | None


def open_session(
    session: TenantSession, scope: Scope, *, ttl_seconds: int
) -> tuple[MemoSession, str]:
    """Begin a session; its token is returned this once, and only its hash is stored."""
    session_id = new_id("ses")
    token = f"{session_id}_{secrets.token_urlsafe(32)}"
    made = one_row(
        session,
        MemoSession,
        "INSERT INTO sessions (session_id, org_id, project_id, user_id, token_hash, expires_at) "
        "VALUES (%s, %s, %s, %s, %s, now() + make_interval(secs => %s)) RETURNING {columns}",
        (
            session_id,
            session.org_id,
            scope.project_id,
            scope.user_id,
            _digest(token),
            ttl_seconds,
        ),
    )
    assert made is not None
    return made, token


def require_session(session: TenantSession, scope: Scope, token: str) -> MemoSession:
    """Return the living session of a token, if it is this user's in this project.

    Raises:
        Unauthorized: it is not, it has ended, or there is none.
    """
    found = one_row(
        session,
        MemoSession,
        "SELECT {columns} FROM sessions WHERE org_id = %s AND project_id = %s AND user_id = %s "
        "AND token_hash = %s AND expires_at > now()",
        (session.org_id, scope.project_id, scope.user_id, _digest(token)),
    )
    if found is None:
        raise Unauthorized(
            "The session token is not known here, or it has expired.",
            hint="POST /v1/memo/session begins a session.",
        )
    return found


def create(
    session: TenantSession,
    owner: MemoSession,
    content: str,
    *,
    tags: Sequence[str] = (),
    ttl_seconds: int | None = None,
) -> Memo:
    """Keep a note."""
    made = one_row(
        session,
        Memo,
        "INSERT INTO memos (memo_id, org_id, project_id, user_id, session_id, content, tags, "
        "expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, "
        "now() + make_interval(secs => %s)) RETURNING {columns}",
        (
            new_id("memo"),
            session.org_id,
            owner.project_id,
            owner.user_id,
            owner.session_id,
            content,
            list(tags),
            ttl_seconds,
        ),
    )
    assert made is not None
    return made


def list_of(
    session: TenantSession, owner: MemoSession, *, tags: Sequence[str] = (), most: int = 1000
) -> list[Memo]:
    """Return a user's living notes that have all of ``tags``, newest first."""
    return all_rows(
        session,
        Memo,
        "SELECT {columns} FROM memos WHERE org_id = %s AND project_id = %s AND user_id = %s "
        "AND (expires_at IS NULL OR expires_at > now()) AND tags @> %s "
        "ORDER BY created_at DESC, memo_id DESC LIMIT %s",
        (session.org_id, owner.project_id, owner.user_id, list(tags), most),
    )


def delete(session: TenantSession, owner: MemoSession, memo_id: str) -> None:
    """Remove a note.

    Raises:
        NotFound: the user has none of this id in the project.
    """
    found = session.connection.execute(
        "DELETE FROM memos WHERE org_id = %s AND project_id = %s AND user_id = %s AND memo_id = %s",
        (session.org_id, owner.project_id, owner.user_id, memo_id),
    ).rowcount
    if not found:
        raise NotFound(f"There is no memo {memo_id!r}.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
