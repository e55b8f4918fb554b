"""Ids that stay the same from run to run: random at first, then stored."""

from __future__ import annotations

import uuid
from typing import Any

from coco_flow import components as coco
from coco_flow.components.memo_key import NotMemoKeyable, memo_fingerprint
from coco_flow.components.scope import next_id

__all__ = ["IdGenerator", "UuidGenerator", "generate_id", "generate_uuid"]


@coco.fn(memo=True)
async def generate_id(_dep: Any = None) -> int:
    """Return the id that belongs to a value, the same for equal values in one component."""
    return await next_id()


@coco.fn(memo=True)
def generate_uuid(_dep: Any = None) -> uuid.UUID:
    """Return the UUID that belongs to a value, the same for equal values in one component."""
    return uuid.uuid4()


class _Sequences(NotMemoKeyable):
    """Counts the calls for each value, so that equal values get different ids."""

    __slots__ = ("_asked", "_deps")

    def __init__(self, deps: Any = None) -> None:
        """Make a generator; `deps` distinguishes it from other generators of the same component."""
        self._deps = memo_fingerprint(deps).as_bytes()
        self._asked: dict[bytes, int] = {}

    def _next(self, dep: Any) -> tuple[bytes, bytes, int]:
        digest = memo_fingerprint(dep).as_bytes()
        ordinal = self._asked.get(digest, 0)
        self._asked[digest] = ordinal + 1
        return self._deps, digest, ordinal


class IdGenerator(_Sequences):
    """Gives a new id at each call; the n-th call for a value gives the same one in every run."""

    __slots__ = ()

    async def next_id(self, dep: Any = None) -> int:
        """Return an id that no other call got; ids start at 1."""
        return await _nth_id(*self._next(dep))


class UuidGenerator(_Sequences):
    """Gives a new UUID at each call; the n-th call for a value gives the same one in every run."""

    __slots__ = ()

    def next_uuid(self, dep: Any = None) -> uuid.UUID:
        """Return a UUID that no other call got."""
        return _nth_uuid(*self._next(dep))


@coco.fn(memo=True)
async def _nth_id(_deps: bytes, _dep: bytes, _ordinal: int) -> int:
    return await next_id()


@coco.fn(memo=True)
def _nth_uuid(_deps: bytes, _dep: bytes, _ordinal: int) -> uuid.UUID:
    return uuid.uuid4()
