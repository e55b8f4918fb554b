"""Public keys of the issuers of user tokens (JWKS), read from a URL, a file or a text."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from coco_core.errors import Unavailable

__all__ = ["ALGORITHMS", "KeySet", "KeySets"]

ALGORITHMS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""Signatures that are taken, with the type of their keys. Public keys only: with a shared secret
who verifies a token could make one."""

# Issuers announce a new key days before they sign with it, and withdraw a lost one at once.
_FRESH_SECONDS = 300.0
# A token names a key that is not known: its issuer may have changed keys, or its bearer may have
# made it up. The set is read again, but not for each of them.
_AGAIN_SECONDS = 10.0
# Without its issuer, a service goes on with the keys that it has for so long.
_STALE_SECONDS = 86_400.0

_FETCH_SECONDS = 5.0
# Google's two keys have 2 kB.
_MOST_BYTES = 1_048_576

# Orgs with an issuer of their own that use the service at the same time.
_MOST_SETS = 1_000

_log = structlog.get_logger(__name__)


class KeySet:
    """The keys of one issuer; thread-safe."""

    def __init__(self, source: str) -> None:
        """Prepare to read ``source``: an https URL, a file's path, or the JSON text itself."""
        self._source = source
        self._fetching = threading.Lock()
        self._keys: Sequence[Mapping[str, Any]] = ()
        self._read_at = self._tried_at = -math.inf

    def key(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """Return the key that a token names; None when there is none for this algorithm.

        Raises:
            Unavailable: the keys cannot be read, and there are none from the last day.
        """
        found = self._find(key_id, algorithm)
        if found is None:
            # Only the first of many waits for the issuer; the others find what it has read.
            with self._fetching:
                found = self._find(key_id, algorithm)
                if found is None and self._due():
                    self._refresh()
                    found = self._find(key_id, algorithm)
        elif time.monotonic() - self._read_at >= _FRESH_SECONDS and self._fetching.acquire(False):
            try:
                if self._due():
                    self._refresh()
                    found = self._find(key_id, algorithm)
            finally:
                self._fetching.release()
        if not self._keys or time.monotonic() - self._read_at >= _STALE_SECONDS:
            raise Unavailable(
                "The keys of those who sign user tokens cannot be read.",
                hint="Try again; the service's log says why.",
            )
        return found

    def _due(self) -> bool:
        return time.monotonic() - self._tried_at >= _AGAIN_SECONDS

    def _refresh(self) -> None:
        """Read the keys; those that are there stay when that fails."""
        self._tried_at = time.monotonic()
        try:
            self._keys = _parsed(_content(self._source))
            self._read_at = self._tried_at
        except (OSError, ValueError, httpx.HTTPError) as error:
            _log.warning("key_set_unreadable", source=_shown(self._source), reason=str(error))

    def _find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        fitting = [
            each
            for each in self._keys
            if each.get("kty") == ALGORITHMS[algorithm]
            and each.get("alg", algorithm) == algorithm
            and each.get("use", "sig") == "sig"
            and (key_id is None or each.get("kid") == key_id)
        ]
        # A token that names no key is taken where there is nothing to choose.
        if len(fitting) != 1:
            return None
        try:
            return PyJWK(dict(fitting[0]), algorithm)
        except PyJWTError as error:
            _log.warning("key_unusable", source=_shown(self._source), reason=str(error))
            return None


class KeySets:
    """The key sets of all issuers, those used last; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, KeySet] = OrderedDict()

    def of(self, source: str) -> KeySet:
        """Return the key set of a source."""
        with self._lock:
            found = self._known.setdefault(source, KeySet(source))
            self._known.move_to_end(source)
            if len(self._known) > _MOST_SETS:
                self._known.popitem(last=False)
            return found


def _content(source: str) -> bytes:
    if source.lstrip().startswith("{"):
        return source.encode()
    if "://" not in source:
        return Path(source).read_bytes()
    # A redirect would lead to an address that was not checked.
    with httpx.Client(timeout=_FETCH_SECONDS, follow_redirects=False) as client:
        read = b""
        with client.stream("GET", source, headers={"accept": "application/json"}) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"the answer has the status {response.status_code}")
            for piece in response.iter_bytes():
                read += piece
                if len(read) > _MOST_BYTES:
                    raise ValueError(f"the answer has more than {_MOST_BYTES} bytes")
    return read


def _parsed(content: bytes) -> list[Mapping[str, Any]]:
    keys = json.loads(content).get("keys") if content.lstrip().startswith(b"{") else None
    if not isinstance(keys, list):
        raise ValueError('it is no key set: {"keys": […]}')
    found = [each for each in keys if isinstance(each, Mapping)]
    if not found:
        raise ValueError("it has no keys")
    return found


def _shown(source: str) -> str:
    return "(inline)" if source.lstrip().startswith("{") else source
