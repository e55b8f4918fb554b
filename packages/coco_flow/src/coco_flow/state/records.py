"""Records of the state store: rows, targets, shards and failures."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Resource", "RowCount", "RowError", "Shard", "StoredRow"]


class StoredRow(NamedTuple):
    """What earlier updates recorded of a source row, without its targets."""

    id: int
    token: bytes | None
    ordinal: int | None
    digest: bytes | None
    logic: bytes | None
    attention: int
    staged: bool


class Resource(NamedTuple):
    """A target's infrastructure as set-up recorded it.

    `staging` holds the states that a change under way may have left, None among them for "none";
    `epoch` rises when rows have to be written again because the target lost them.
    """

    id: int
    kind: str
    key: Any
    name: str
    state: Any | None
    staging: list[Any | None] | None
    epoch: int


class RowCount(NamedTuple):
    """How many rows of a source are in the same state: see StoredRow."""

    logic: bytes | None
    attention: int
    staged: bool
    number: int


class Shard(NamedTuple):
    """Keys of one source that a process works on under a lease."""

    id: int
    source_id: int
    keys: list[bytes]
    attempts: int


class RowError(NamedTuple):
    """A failure of one source row, as `coco-flow errors` shows it."""

    source: str
    key: bytes
    step: str
    message: str
    traceback: str
    first_at: float
    last_at: float
    attempts: int
    retry_at: float | None
