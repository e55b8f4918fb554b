"""A user's notes in a project, and the sessions whose tokens open them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coco_core.errors import NotFound, QuotaExceeded, Unauthorized
from coco_server.store import memo_index, usage
from coco_server.store.ids import new_id
from coco_server.store.memo_index import MemoHolder
from coco_server.store.rows import all_rows, one_row
from coco_server.store.session import Scope, TenantSession
from coco_server.store.usage import Quotas

__all__ = [
    "Memo",
    "MemoSession",
    "create",
    "delete",
    "delete_all",
    "list_of",
    "open_session",
    "require_session",
    "search",
]

# Of one user in one project: what bounds the work of one query.
_MOST_NOTES = 5_000


@dataclass(frozen=True, slots=True)
class MemoSession:
    """A session of one user in one project."""

    session_id: str
    org_id: str
    project_id: str
    user_id: str
    created_at: datetime
    expires_at: datetime

    @property
    def holder(self) -> MemoHolder:
        """Whose notes it opens."""
        return MemoHolder(self.org_id, self.project_id, self.user_id)


@dataclass(frozen=True, slots=True)
class Memo:
    """A note."""

    memo_id: str
    memo_no: int
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
    quotas: Quotas | None = None,
) -> Memo:
    """Keep a note, which can be found at once; it counts as a document, and by its bytes.

    Raises:
        QuotaExceeded: the org may not hold that much, or the user has as many notes as one may.
    """
    _require_room(session, owner)
    size = len(content.encode()) + sum(len(tag.encode()) for tag in tags)
    made = one_row(
        session,
        Memo,
        "INSERT INTO memos (memo_id, org_id, project_id, user_id, session_id, content, tags, "
        "storage_bytes, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, "
        "now() + make_interval(secs => %s)) RETURNING {columns}",
        (
            new_id("memo"),
            session.org_id,
            owner.project_id,
            owner.user_id,
            owner.session_id,
            content,
            list(tags),
            size,
            ttl_seconds,
        ),
    )
    assert made is not None
    memo_index.add(session, owner.holder, made.memo_no, content, tags)
    # Last, for the org's other writers wait from here to the end of the transaction.
    usage.reserve(session, quotas or Quotas(), documents=1, storage_bytes=size)
    return made


def list_of(
    session: TenantSession,
    owner: MemoSession,
    *,
    tags: Sequence[str] = (),
    before: str | None = None,
    most: int = 100,
) -> list[Memo]:
    """Return a user's living notes that have all of ``tags``, newest first.

    ``before`` is the id of a note: only older ones are returned.
    """
    return all_rows(
        session,
        Memo,
        "SELECT {columns} FROM memos WHERE org_id = %(org)s AND project_id = %(project)s "
        "AND user_id = %(user)s AND (expires_at IS NULL OR expires_at > now()) "
        "AND tags @> %(tags)s AND (%(before)s::text IS NULL OR memo_id < %(before)s) "
        "ORDER BY memo_id DESC LIMIT %(most)s",
        {
            "org": session.org_id,
            "project": owner.project_id,
            "user": owner.user_id,
            "tags": list(tags),
            "before": before,
            "most": most,
        },
    )


def search(
    session: TenantSession, owner: MemoSession, query: str, *, tags: Sequence[str], most: int
) -> list[tuple[Memo, float]]:
    """Return the user's living notes that hold any of the words with their scores, best first."""
    memo_index.index_waiting(session, owner.holder)
    scores = memo_index.search(session, owner.holder, query, tags=tags, most=most)
    found = all_rows(
        session,
        Memo,
        "SELECT {columns} FROM memos WHERE org_id = %s AND memo_no = ANY(%s)",
        (session.org_id, list(scores)),
    )
    by_number = {memo.memo_no: memo for memo in found}
    return [(by_number[number], score) for number, score in scores.items()]


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


def delete_all(session: TenantSession, owner: MemoSession) -> int:
    """Remove all notes of a user in a project; returns how many there were."""
    return session.connection.execute(
        "DELETE FROM memos WHERE org_id = %s AND project_id = %s AND user_id = %s",
        (session.org_id, owner.project_id, owner.user_id),
    ).rowcount


def _require_room(session: TenantSession, owner: MemoSession) -> None:
    row = session.connection.execute(
        "SELECT count(*) FROM memos WHERE org_id = %s AND project_id = %s AND user_id = %s",
        (session.org_id, owner.project_id, owner.user_id),
    ).fetchone()
    if row is not None and row[0] >= _MOST_NOTES:
        raise QuotaExceeded(
            f"The user has {row[0]} notes in the project, which is the most.",
            hint="Delete old notes, or give notes a ttl_seconds.",
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
