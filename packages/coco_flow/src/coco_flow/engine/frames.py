"""Rows being processed: the state of a source row, and the batch in which it is evaluated."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from coco_flow.engine.exports import TargetRow
    from coco_flow.engine.memo import MemoSession
    from coco_flow.graph.model import Scope, ValueRef
    from coco_flow.ports import Key, ListedRow
    from coco_flow.state.store import StoredRow

__all__ = ["Batch", "Frame", "RowState", "reader_of", "root_reader"]

Frame: TypeAlias = list[Any]
"""Item 0 is the enclosing frame (at a source's rows: the RowState), the others are fields."""


class RowState:
    """One source row during an update."""

    __slots__ = (
        "changed", "collected", "digest", "error", "failed_step", "key", "key_bytes", "listed",
        "origin", "seen_uuids", "stored", "target_rows", "uses",
    )  # fmt: skip

    def __init__(
        self,
        key: Key,
        key_bytes: bytes,
        listed: ListedRow | None,
        stored: StoredRow | None,
        *,
        collectors: int,
        source_name: str = "",
    ) -> None:
        self.key = key
        self.key_bytes = key_bytes
        self.listed = listed
        self.stored = stored
        # Distinguishes rows of all sources that feed one grouping.
        self.origin = source_name.encode() + b"\0" + key_bytes
        self.digest: bytes | None = None
        self.changed = True
        self.collected: list[list[list[Any]]] = [[] for _ in range(collectors)]
        self.target_rows: dict[int, dict[bytes, TargetRow]] = {}
        self.uses: list[bytes] = []
        self.seen_uuids: dict[bytes, int] = {}
        self.error: BaseException | None = None
        self.failed_step = ""

    def fail(self, step: str, error: BaseException) -> None:
        """Record why the row failed; the first reason counts."""
        if self.error is None:
            self.error = error
            self.failed_step = step

    def error_text(self) -> tuple[str, str]:
        """Return the message and the traceback of the failure."""
        error = self.error
        if error is None:
            return "", ""
        message = str(error) or repr(error)
        if not hasattr(error, "code"):
            message = f"{type(error).__name__}: {message}"
        return message, "".join(traceback.format_exception(error))


class Batch:
    """The rows of one evaluation, and what its steps share."""

    __slots__ = ("failures", "memo")

    def __init__(self, memo: MemoSession) -> None:
        self.memo = memo
        self.failures = 0

    def fail(self, row: RowState, step: str, error: Exception) -> None:
        """Record that a row failed; the steps after this one leave it out."""
        row.fail(step, error)
        self.failures += 1


def root_reader(depth: int) -> Callable[[Frame], RowState]:
    """Return how to get from a frame `depth` levels below a source's rows to its RowState."""
    if depth == 0:
        return _parent
    if depth == 1:
        return _grandparent

    def climb(frame: Frame) -> RowState:
        for _ in range(depth + 1):
            frame = frame[0]
        return frame  # type: ignore[return-value]

    return climb


def reader_of(ref: ValueRef, scope: Scope) -> Callable[[Frame], Any]:
    """Return how to read a value from the frames of `scope`, chosen once for its place."""
    from operator import itemgetter

    from coco_flow.graph.model import Constant

    if isinstance(ref, Constant):
        value = ref.value
        return lambda _frame: value
    slot, path = ref.slot, ref.path
    hops = scope.depth - ref.scope.depth
    if hops == 0:
        return itemgetter(slot) if not path else lambda f: _part(f[slot], path)
    if hops == 1:
        return (lambda f: f[0][slot]) if not path else lambda f: _part(f[0][slot], path)

    def read(frame: Frame) -> Any:
        for _ in range(hops):
            frame = frame[0]
        return _part(frame[slot], path)

    return read


def _part(value: Any, path: Sequence[int]) -> Any:
    for index in path:
        if value is None:
            return None
        value = value[index]
    return value


def _parent(frame: Frame) -> RowState:
    row: RowState = frame[0]
    return row


def _grandparent(frame: Frame) -> RowState:
    row: RowState = frame[0][0]
    return row
