"""Limits on rows and bytes in flight, for the process and for each source."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coco_flow.engine.frames import Frame

__all__ = ["Limiter", "admitted", "parts_within", "weight"]

# What a number or a truth value takes in memory, about.
_SMALL_WEIGHT = 8


class Limiter:
    """Counts rows and bytes in flight; None is no limit.

    What is larger than a whole limit is admitted when nothing else is in flight.
    """

    def __init__(self, rows: int | None, byte_count: int | None) -> None:
        self.rows = rows
        self.byte_count = byte_count
        self._rows_used = 0
        self._bytes_used = 0
        self._most_rows = 0
        self._free = threading.Condition()

    @property
    def most_rows(self) -> int:
        """The largest number of rows that were in flight at the same time."""
        return self._most_rows

    def acquire(self, rows: int, byte_count: int) -> None:
        """Wait until the rows fit."""
        with self._free:
            self._free.wait_for(lambda: self._fits(rows, byte_count))
            self._rows_used += rows
            self._bytes_used += byte_count
            self._most_rows = max(self._most_rows, self._rows_used)

    def release(self, rows: int, byte_count: int) -> None:
        """Release what `acquire` took."""
        with self._free:
            self._rows_used -= rows
            self._bytes_used -= byte_count
            self._free.notify_all()

    def _fits(self, rows: int, byte_count: int) -> bool:
        if self._rows_used == 0:
            return True
        return (self.rows is None or self._rows_used + rows <= self.rows) and (
            self.byte_count is None or self._bytes_used + byte_count <= self.byte_count
        )


@contextmanager
def admitted(limiters: Sequence[Limiter], rows: int, byte_count: int) -> Iterator[None]:
    """Hold a place in every limiter, always taken in the same order."""
    taken: list[Limiter] = []
    try:
        for limiter in limiters:
            limiter.acquire(rows, byte_count)
            taken.append(limiter)
        yield
    finally:
        for limiter in reversed(taken):
            limiter.release(rows, byte_count)


def parts_within(
    limiter: Limiter, frames: Sequence[Frame]
) -> Iterator[tuple[Sequence[Frame], int]]:
    """Yield frames in parts that the limiter can admit, each with the bytes of its rows.

    A row that is larger than the whole limit is a separate part.
    """
    start = total = 0
    for number, frame in enumerate(frames):
        # Item 0 is the enclosing row.
        size = weight(frame[1:]) if limiter.byte_count is not None else 0
        full = limiter.rows is not None and number - start >= limiter.rows
        heavy = limiter.byte_count is not None and total + size > limiter.byte_count
        if number > start and (full or heavy):
            yield frames[start:number], total
            start, total = number, 0
        total += size
    if frames:
        yield frames[start:], total


def weight(value: Any) -> int:
    """Return about how many bytes an engine value takes."""
    if value is None:
        return 0
    if isinstance(value, str | bytes):
        return len(value)
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(value, list | tuple):
        return sum(map(weight, value))
    if isinstance(value, dict):
        return sum(weight(name) + weight(each) for name, each in value.items())
    return _SMALL_WEIGHT
