"""NDJSON reader: one item a line; an invalid line costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from coco_worker.items.decode import Raw, decode
from coco_worker.items.item import ItemLimits, Rejection, RejectionReason

__all__ = ["read_lines"]


def read_lines(read: Callable[[], bytes], limits: ItemLimits) -> Iterator[Raw]:
    """Yield every line that is not blank, decoded or rejected.

    Args:
        read: Returns the next piece of the file, and an empty one at its end.
        limits: Lines above ``item_bytes`` are skipped without being held in memory.
    """
    index = 0
    for line in _lines(read, limits.item_bytes):
        if line is None:
            message = f"The line has more than {limits.item_bytes} bytes."
            yield index, Rejection(index, RejectionReason.TOO_LARGE, message)
        elif line.strip():
            yield index, decode(index, line)
        else:
            continue
        index += 1


def _lines(read: Callable[[], bytes], most: int) -> Iterator[bytes | None]:
    held: list[bytes] = []
    held_bytes = 0
    while piece := read():
        *whole, rest = piece.split(b"\n")
        for line in whole:
            if held_bytes + len(line) > most:
                yield None
            else:
                yield b"".join((*held, line))
            held, held_bytes = [], 0
        held_bytes += len(rest)
        # What is too long already is counted and not kept.
        held = [*held, rest] if held_bytes <= most else []
    if held_bytes > most:
        yield None
    elif held_bytes:
        yield b"".join(held)
