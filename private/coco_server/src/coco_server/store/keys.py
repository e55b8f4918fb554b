"""API keys: ``coco_<prefix>_<secret>``; only the prefix and a hash are stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from coco_core.errors import Conflict, InvalidConfig, NotFound
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, one_row
from coco_server.store.session import SystemSession

__all__ = [
    "ApiKey",
    "NewKey",
    "create",
    "ensure",
    "get",
    "list_of",
    "revoke",
    "rotate",
    "touch",
    "verify",
]

_SHAPE = re.compile(r"coco_([0-9a-f]{12})_[A-Za-z0-9_-]{20,200}")

# Compared with when no key has the prefix, so that a wrong prefix takes as long as a wrong secret.
_NO_HASH = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret."""

    key_id: str
    org_id: str
    name: str
    prefix: str
    scopes: list[str]
    users: list[str]
    """Whom it may act for without further proof."""
    projects: list[str]
    """The projects that it opens; empty: all of the org."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the text that is shown this once."""

    key: ApiKey
    text: str


def create(
    session: SystemSession,
    org_id: str,
    name: str,
    scopes: Sequence[str],
    *,
    projects: Sequence[str] = (),
    users: Sequence[str] = (),
    expires_in: timedelta | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Create a key for an org.

    It expires by the database's clock: after ``expires_in`` from now or at ``expires_at``,
    whichever is first.
    """
    text = f"coco_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
    made = _insert(
        session,
        org_id,
        name,
        text,
        scopes,
        projects=projects,
        users=users,
        expires_in=expires_in,
        expires_at=expires_at,
    )
    assert made is not None, "two keys of one prefix: 48 random bits"
    return NewKey(made, text)


def ensure(
    session: SystemSession, org_id: str, name: str, scopes: Sequence[str], text: str
) -> ApiKey:
    """Return the key of a text that was made elsewhere; it is created where it is new.

    One that is there already stays as it is: revoked, expired, or with other scopes.

    Raises:
        InvalidConfig: another key begins as this one does, or it belongs to another org.
    """
    made = _insert(session, org_id, name, text, scopes)
    if made is not None:
        return made
    prefix, digest = _prefix(text), _digest(text)
    row = session.connection.execute(
        "SELECT hash, org_id FROM api_keys WHERE prefix = %s", (prefix,)
    ).fetchone()
    assert row is not None, "keys are not deleted while they are looked up"
    if not hmac.compare_digest(bytes(row[0]), digest) or row[1] != org_id:
        raise InvalidConfig(
            f"There is another key with the prefix {prefix!r}.", hint="Choose another random text."
        )
    found = one_row(session, ApiKey, "SELECT {columns} FROM api_keys WHERE prefix = %s", (prefix,))
    assert found is not None, "the row was there in this transaction"
    return found


def verify(session: SystemSession, text: str) -> ApiKey | None:
    """Return the living key of that text; a wrong prefix takes as long as a wrong secret."""
    digest, prefix = _digest(text), _prefix(text)
    row = session.connection.execute(
        "SELECT hash FROM api_keys WHERE prefix = %s AND revoked_at IS NULL "
        "AND (expires_at IS NULL OR expires_at > now())",
        (prefix,),
    ).fetchone()
    same = hmac.compare_digest(bytes(row[0]) if row else _NO_HASH, digest)
    found = one_row(session, ApiKey, "SELECT {columns} FROM api_keys WHERE prefix = %s", (prefix,))
    return found if row and same else None


def touch(session: SystemSession, key_id: str) -> None:
    """Note that a key is in use, at most once a minute."""
    session.connection.execute(
        "UPDATE api_keys SET last_used_at = now() WHERE key_id = %s "
        "AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')",
        (key_id,),
    )


def list_of(session: SystemSession, org_id: str | None = None) -> list[ApiKey]:
    """Return the keys of an org, or of all, oldest first."""
    return all_rows(
        session,
        ApiKey,
        "SELECT {columns} FROM api_keys WHERE %(org)s::text IS NULL OR org_id = %(org)s "
        "ORDER BY created_at, key_id",
        {"org": org_id},
    )


def get(session: SystemSession, key_id: str) -> ApiKey:
    """Return a key, whether it is valid or not.

    Raises:
        NotFound: there is no such key.
    """
    found = one_row(session, ApiKey, "SELECT {columns} FROM api_keys WHERE key_id = %s", (key_id,))
    if found is None:
        raise NotFound(f"There is no key {key_id!r}.")
    return found


def revoke(session: SystemSession, key_id: str) -> ApiKey:
    """Let a key open nothing from now on.

    Raises:
        NotFound: there is no such key.
    """
    found = one_row(
        session,
        ApiKey,
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = %s "
        "RETURNING {columns}",
        (key_id,),
    )
    if found is None:
        raise NotFound(f"There is no key {key_id!r}.")
    return found


def rotate(session: SystemSession, key_id: str, *, grace: timedelta | None = None) -> NewKey:
    """Make a key like another, which is valid for the time of grace or ends now.

    Raises:
        NotFound: there is no such key.
        Conflict: it is revoked or expired.
    """
    row = session.connection.execute(
        "SELECT revoked_at IS NOT NULL, coalesce(expires_at <= now(), false), expires_at "
        "FROM api_keys WHERE key_id = %s FOR UPDATE",
        (key_id,),
    ).fetchone()
    old = get(session, key_id)
    assert row is not None, "the key is there, and keys are not deleted"
    if row[0] or row[1]:
        raise Conflict(
            f"The key {key_id!r} is {'revoked' if row[0] else 'expired'}.",
            hint="It stays so; create a new key.",
        )
    session.connection.execute(
        "UPDATE api_keys SET expires_at = least(expires_at, now() + coalesce(%(grace)s, "
        "interval '0')), revoked_at = CASE WHEN %(grace)s::interval IS NULL THEN now() END "
        "WHERE key_id = %(key)s",
        {"grace": grace, "key": key_id},
    )
    return create(
        session,
        old.org_id,
        old.name,
        old.scopes,
        projects=old.projects,
        users=old.users,
        expires_at=row[2],
    )


def _insert(
    session: SystemSession,
    org_id: str,
    name: str,
    text: str,
    scopes: Sequence[str],
    *,
    projects: Sequence[str] = (),
    users: Sequence[str] = (),
    expires_in: timedelta | None = None,
    expires_at: datetime | None = None,
) -> ApiKey | None:
    """Add a key; None when there is one with its prefix."""
    return one_row(
        session,
        ApiKey,
        "INSERT INTO api_keys (key_id, org_id, name, prefix, hash, scopes, projects, users, "
        "expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, "
        "least(%s::timestamptz, now() + %s::interval)) "
        "ON CONFLICT (prefix) DO NOTHING RETURNING {columns}",
        (
            new_id("key"),
            org_id,
            name,
            _prefix(text),
            _digest(text),
            list(scopes),
            list(projects),
            list(users),
            expires_at,
            expires_in,
        ),
    )


def _prefix(text: str) -> str:
    """Return the public part of a key, by which it is found."""
    shape = _SHAPE.fullmatch(text)
    return shape[1] if shape else _digest(text).hex()[:12]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
