"""Decoder of the sandbox's output: untrusted words, checked, as ``Syntax``."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from coco_core.errors import WasmFailed
from coco_core.languages.queries import Condition
from coco_core.languages.syntax import WHOLE, Match, Range, Syntax

__all__ = ["Offsets", "read_records"]


class Offsets:
    """From UTF-16 code units to UTF-8 bytes."""

    __slots__ = ("_bytes", "units")

    def __init__(self, text: str, size: int, units: int) -> None:
        """Take the text, its length in bytes and in code units."""
        self.units = units
        self._bytes = None if size == units else _byte_offsets(text)

    def range(self, start: int, end: int) -> Range:
        """Translate a range; one outside the text raises `WasmFailed`."""
        if not start <= end <= self.units:
            raise WasmFailed(f"The grammar names a range outside the text: {start} to {end}.")
        table = self._bytes
        return (start, end) if table is None else (table[start], table[end])


def _byte_offsets(text: str) -> list[int]:
    """Return the byte of every code unit, and one more for the end."""
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    sizes = np.ones(len(units), np.int64)
    sizes[units >= 0x80] = 2
    sizes[units >= 0x800] = 3
    # A pair of surrogates is one character of four bytes.
    sizes[(units >= 0xD800) & (units < 0xE000)] = 2
    offsets = np.zeros(len(units) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    table: list[int] = offsets.tolist()
    return table


class _Words:
    __slots__ = ("_words", "at", "offsets")

    def __init__(self, words: array[int], offsets: Offsets) -> None:
        self._words = words
        self.offsets = offsets
        self.at = 0

    @property
    def more(self) -> bool:
        return self.at < len(self._words)

    def take(self, count: int) -> Sequence[int]:
        start, self.at = self.at, self.at + count
        if self.at > len(self._words):
            raise WasmFailed("The grammar's output is truncated.")
        return self._words[start : self.at]

    def parts(self) -> array[int]:
        (count,) = self.take(1)
        start = self.at
        self.take(count * 2)
        return self._words[start : self.at]


def read_records(
    source: bytes,
    words: array[int],
    *,
    captures: Sequence[str],
    parted: frozenset[int],
    conditions: Mapping[int, tuple[Condition, ...]],
    offsets: Offsets,
) -> Syntax:
    """Build the syntax of a file.

    Args:
        source: the file, for conditions on its text.
        words: as ``assets/reader.wat`` describes them.
        captures: their names, by number.
        parted: the numbers of those whose parts follow them.
        conditions: of the query's patterns.
        offsets: of this text.

    Raises:
        WasmFailed: the words make no sense.
    """
    reader = _Words(words, offsets)
    named: list[Match] = []
    plain: dict[str, list[Range]] = {}
    bodies: dict[Range, array[int]] = {WHOLE: reader.parts()}
    while reader.more:
        pattern, count = reader.take(2)
        found: dict[str, Range] = {}
        parts: array[int] | None = None
        for _ in range(count):
            number, start, end = reader.take(3)
            place = offsets.range(start, end)
            if number >= len(captures):
                raise WasmFailed(f"The grammar names capture {number}, which there is not.")
            inner = reader.parts() if number in parted else None
            # Of several nodes in one capture the first counts.
            if captures[number] not in found:
                found[captures[number]] = place
                parts = inner if inner is not None else parts
        if len(found) == 1:
            ((kind, place),) = found.items()
            plain.setdefault(kind, []).append(place)
            if parts is not None:
                # Of nested nodes with one range the innermost counts; it comes last.
                bodies[place] = parts
            continue
        wanted = conditions.get(pattern)
        if wanted is not None and not _holds(source, found, wanted):
            continue
        _add(found, named, plain)

    def parts_of(start: int, end: int) -> list[Range]:
        flat = bodies.get((start, end), bodies[WHOLE])
        return [offsets.range(flat[at], flat[at + 1]) for at in range(0, len(flat), 2)]

    return Syntax(named, plain, parts_of)


def _add(found: dict[str, Range], named: list[Match], plain: dict[str, list[Range]]) -> None:
    main = [capture for capture in found if capture not in ("name", "scope") and capture[0] != "_"]
    if not main:
        return
    kind = main[-1]
    name = found.get("name")
    if name is None:
        plain.setdefault(kind, []).append(found[kind])
    else:
        named.append(Match(kind, *found[kind], name, found.get("scope")))


def _holds(source: bytes, found: dict[str, Range], wanted: tuple[Condition, ...]) -> bool:
    for capture, words, positive in wanted:
        start, end = found.get(capture, (0, 0))
        if (source[start:end] in words) is not positive:
            return False
    return True
