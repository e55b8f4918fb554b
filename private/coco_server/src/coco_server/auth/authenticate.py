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

__all__ = ["IDENTITY_KEY", "Authenticator", "Identity", "bearer"]

IDENTITY_KEY = "coco.identity"
"""Where `AccessControl` notes in the ASGI scope who calls."""

Role: TypeAlias = Literal["admin", "metrics", "key"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, proven by a key."""

    role: Role
    key: ApiKey | None = None
    """The org's key, for the role ``key``."""


class Authenticator:
    """Knows all keys; synchronous, for it asks the database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._admin = _digest(settings.admin_key)
        self._metrics = _digest(settings.metrics_key) if settings.metrics_key else None
        self._database = database

    def authenticate(self, text: str) -> Identity:
        """Return whose key this is.

        Raises:
            Unauthorized: nobody's, or it is expired or revoked.
        """
        # Digests have one length, so that not even the length of a key shows in the time.
        given = _digest(text)
        if hmac.compare_digest(given, self._admin):
            return Identity("admin")
        if self._metrics is not None and hmac.compare_digest(given, self._metrics):
            return Identity("metrics")
        with self._database.system() as session:
            found = keys.verify(session, text)
            if found is None:
                raise Unauthorized(
                    "The key is not known, or it is expired or revoked.",
                    hint="Send 'Authorization: Bearer <key>' with a valid key.",
                )
            keys.touch(session, found.key_id)
        return Identity("key", found)


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


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
