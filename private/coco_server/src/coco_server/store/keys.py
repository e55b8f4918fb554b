"""API keys: ``coco_<prefix>_<secret>``; only the prefix and a hash are stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coco_core.errors import NotFound
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, one_row
from coco_server.store.session import SystemSession

__all__ = ["ApiKey", "NewKey", "create", "list_of", "revoke", "rotate", "touch", "verify"]

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
    expires_at: datetime | None = None,
    text: str | None = None,
) -> NewKey:
    """Create a key for an org; ``text`` brings a key made elsewhere, in the same shape."""
    text = text or f"coco_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
    shape = _SHAPE.fullmatch(text)
    prefix = shape[1] if shape else _digest(text).hex()[:12]
    found = one_row(
        session,
        ApiKey,
        "INSERT INTO api_keys (key_id, org_id, name, prefix, hash, scopes, expires_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (prefix) DO UPDATE SET revoked_at = NULL "
        "WHERE api_keys.hash = excluded.hash AND api_keys.org_id = excluded.org_id "
        "RETURNING {columns}",
        (new_id("key"), org_id, name, prefix, _digest(text), list(scopes), expires_at),
    )
    assert found is not None, "two keys of one prefix: 48 random bits"
    return NewKey(found, text)


def verify(session: SystemSession, text: str) -> ApiKey | None:
    """Return the living key of that text; a wrong prefix takes as long as a wrong secret."""
    shape = _SHAPE.fullmatch(text)
    digest = _digest(text)
    prefix = shape[1] if shape else digest.hex()[:12]
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


def rotate(session: SystemSession, key_id: str, *, old_until: datetime | None = None) -> NewKey:
    """Make a key like another, which goes on until ``old_until`` or ends now.

    Raises:
        NotFound: there is no such key, or it is revoked.
    """
    old = one_row(
        session,
        ApiKey,
        "SELECT {columns} FROM api_keys WHERE key_id = %s AND revoked_at IS NULL FOR UPDATE",
        (key_id,),
    )
    if old is None:
        raise NotFound(f"There is no valid key {key_id!r}.")
    session.connection.execute(
        "UPDATE api_keys SET expires_at = least(expires_at, coalesce(%(until)s, now())), "
        "revoked_at = CASE WHEN %(until)s::timestamptz IS NULL THEN now() END "
        "WHERE key_id = %(key)s",
        {"until": old_until, "key": key_id},
    )
    return create(session, old.org_id, old.name, old.scopes, expires_at=old.expires_at)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
