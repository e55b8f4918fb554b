"""Checks of keys for the event loop: fair, apart from queries, and cheap for wrong keys."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Generic, TypeVar

import anyio

from coco_core.errors import RateLimited, Unauthorized
from coco_protocol.serving.fairness import act_for
from coco_protocol.serving.pools import ThreadPools
from coco_server.auth.authenticate import Authenticator, Identity, digest_of

__all__ = ["KeyChecks"]

_K = TypeVar("_K")
_V = TypeVar("_V")

# From an address that was wrong too often, a key that is not known waits before it is looked up:
# clients that send one request after the other slow down, and a valid key still works.
_PENALTY_SECONDS = 1.0
_MOST_PENALTIES = 256

# Wrong keys are remembered for a moment: a key that is wrong does not become right.
_WRONG_SECONDS = 5.0

# Entries of some hundred bytes.
_REMEMBERED = 10_000


class KeyChecks:
    """Finds out who calls; every valid key is looked up each time, so that revoking holds at once.

    All methods belong to the event loop.
    """

    def __init__(
        self, authenticator: Authenticator, pools: ThreadPools, *, wrong_per_minute: int
    ) -> None:
        """Allow each address so many wrong keys a minute, and as many at once."""
        self._authenticator = authenticator
        self._pools = pools
        self._wrong_per_minute = wrong_per_minute
        # Whose each key was the last time. It decides in whose turn a check runs, nothing else.
        self._owners: _Memo[bytes, str] = _Memo(_REMEMBERED)
        self._wrong: _Memo[bytes, float] = _Memo(_REMEMBERED)
        self._failures: _Memo[str, _Failures] = _Memo(_REMEMBERED)
        self._penalties = 0

    async def identify(self, text: str, address: str) -> Identity:
        """Return whose key this is, and let the request run on that org's account.

        Raises:
            Unauthorized: no valid key.
            RateLimited: too many requests with wrong keys wait already.
        """
        digest = digest_of(text)
        operator = self._authenticator.operator(digest)
        if operator is not None:
            act_for(operator.role)
            return operator
        known = self._owners.get(digest)
        if known is None:
            await self._slow_down(address)
            until = self._wrong.get(digest)
            if until is not None and time.monotonic() < until:
                self._note_failure(address)
                raise _unauthorized()
        act_for(known or f"address {address}")
        key = await self._pools.run("key", self._authenticator.find, text)
        if key is None:
            self._owners.pop(digest)
            self._wrong.put(digest, time.monotonic() + _WRONG_SECONDS)
            self._note_failure(address)
            raise _unauthorized()
        self._owners.put(digest, key.org_id)
        act_for(key.org_id)
        return Identity("key", key)

    async def _slow_down(self, address: str) -> None:
        """Let an address that was wrong too often wait: its next key may be right.

        Raises:
            RateLimited: too many wait already.
        """
        failures = self._failures.get(address)
        if failures is None or not failures.full:
            return
        if self._penalties >= _MOST_PENALTIES:
            raise RateLimited(
                "Too many wrong keys are being sent.",
                hint="Send a valid key; try again in some seconds.",
            )
        self._penalties += 1
        try:
            await anyio.sleep(_PENALTY_SECONDS)
        finally:
            self._penalties -= 1

    def _note_failure(self, address: str) -> None:
        failures = self._failures.get(address) or _Failures(self._wrong_per_minute)
        failures.note()
        self._failures.put(address, failures)


class _Failures:
    """A bucket that each failure fills, and time empties within a minute."""

    __slots__ = ("_at", "_level", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._level = 0.0
        self._at = time.monotonic()

    def note(self) -> None:
        self._drain()
        self._level = min(self._level + 1, self._most)

    @property
    def full(self) -> bool:
        self._drain()
        return self._level > self._most - 1

    def _drain(self) -> None:
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._at) * self._most / 60)
        self._at = now


class _Memo(Generic[_K, _V]):
    """A dictionary that forgets what was used longest ago."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[_K, _V] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        if key in self._entries:
            self._entries.move_to_end(key)
        return self._entries.get(key)

    def put(self, key: _K, value: _V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def pop(self, key: _K) -> None:
        self._entries.pop(key, None)


def _unauthorized() -> Unauthorized:
    return Unauthorized(
        "The key is not known, or it is expired or revoked.",
        hint="Send 'Authorization: Bearer <key>' with a valid key.",
    )
