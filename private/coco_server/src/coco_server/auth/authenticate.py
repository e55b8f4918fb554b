"""Authentication: the administrator, or a key of an org, before the body is read."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.datastructures import Headers

from coco_core.errors import Unauthorized
from coco_protocol.serving.guard import bearer_token
from coco_server.settings import Settings
from coco_server.store import keys
from coco_server.store.keys import ApiKey
from coco_server.store.session import Database

__all__ = ["IDENTITY_KEY", "SOURCE_KEY", "Authenticator", "Identity", "bearer", "digest_of"]

IDENTITY_KEY = "coco.identity"
"""Where `AccessControl` notes in the ASGI scope who calls."""

SOURCE_KEY = "coco.source"
"""Where it notes the address that the request came from."""

Role: TypeAlias = Literal["admin", "metrics", "key"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, proven by a key."""

    role: Role
    key: ApiKey | None = None
    """The org's key, for the role ``key``."""


class Authenticator:
    """Knows all keys; what asks the database is synchronous."""

    def __init__(self, settings: Settings, database: Database) -> None:
        """Take the operator's keys from ``settings``; orgs' keys are in ``database``.

        The database has connections of its own for this: keys never wait behind queries.
        """
        self._admin = digest_of(settings.admin_key)
        self._metrics = digest_of(settings.metrics_key) if settings.metrics_key else None
        self._database = database

    def operator(self, digest: bytes) -> Identity | None:
        """Return the operator's identity, if the key of this digest is one of the operator's."""
        # Digests have one length, so that not even the length of a key shows in the time.
        if hmac.compare_digest(digest, self._admin):
            return Identity("admin")
        if self._metrics is not None and hmac.compare_digest(digest, self._metrics):
            return Identity("metrics")
        return None

    def find(self, text: str) -> ApiKey | None:
        """Return the valid key of an org that has this text, and note that it is in use."""
        with self._database.system() as session:
            found = keys.verify(session, text)
            if found is not None:
                keys.touch(session, found.key_id)
        return found


def bearer(headers: Headers) -> str:
    """Return the key that a request shows.

    Raises:
        Unauthorized: it shows none.
    """
    given = bearer_token(headers)
    if not given:
        raise Unauthorized(
            "A key is required.", hint="Send the header 'Authorization: Bearer <key>'."
        )
    return given


def digest_of(text: str) -> bytes:
    """Return what stands for a key in memory."""
    return hashlib.sha256(text.encode()).digest()
