"""Parquet footer: the counts of a file, read in bounded memory and checked against each other.

A Parquet library takes the counts as they stand: a footer of some kilobytes may claim any number of
rows, a negative one too. Here only what is needed is read (Thrift's compact protocol); the rest is
skipped, value by value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coco_core.errors import InvalidInput

__all__ = ["FOOTER_TAIL_BYTES", "MAX_FOOTER_BYTES", "ParquetCounts", "footer_bytes", "read_counts"]

FOOTER_TAIL_BYTES = 8
"""At the end of every file: the footer's length in four bytes, then ``PAR1``."""

MAX_FOOTER_BYTES = 8_388_608
"""Footers have some hundred bytes for each column of each row group: this is for 30,000 of them. A
library needs a multiple of it in memory."""

_MAGIC = b"PAR1"

# Columns with their parents; items have fewer than twenty.
_MOST_COLUMNS = 1_000
# A file of 100 GB in row groups of 1 MB.
_MOST_GROUPS = 100_000
# PostgreSQL counts the chunks of a version in 31 bits.
_MOST_ROWS = 2**31 - 1
_DEEPEST = 16

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (
    0, 1, 2, 3, 7, 8, 9, 10, 11, 12,
)  # fmt: skip
_INTEGERS = (4, 5, 6)


@dataclass(frozen=True, slots=True)
class ParquetCounts:
    """What a footer claims, in itself consistent."""

    rows: int
    columns: int
    """Leaves and groups of the schema, its root included."""
    groups: int


def footer_bytes(tail: bytes, size: int) -> int:
    """Return the length of the footer, from the last bytes of a file of ``size`` bytes.

    Raises:
        InvalidInput: this is not the end of a Parquet file, or its footer is too long.
    """
    if len(tail) < FOOTER_TAIL_BYTES or tail[-4:] != _MAGIC:
        raise _broken("it does not end with PAR1")
    length = int.from_bytes(tail[-8:-4], "little")
    if length > size - FOOTER_TAIL_BYTES - len(_MAGIC):
        raise _broken("its footer is longer than the file")
    if length > MAX_FOOTER_BYTES:
        raise InvalidInput(
            f"The Parquet file has a footer of {length} bytes; at most {MAX_FOOTER_BYTES}.",
            hint="Write larger row groups.",
        )
    return length


def read_counts(footer: bytes, size: int) -> ParquetCounts:
    """Return what the footer of a file of ``size`` bytes claims.

    Raises:
        InvalidInput: it is damaged, or its counts are negative, too large or do not add up.
    """
    reader = _Thrift(footer)
    rows: int | None = None
    columns = 0
    groups: list[int] = []

    def field(number: int, kind: int) -> None:
        nonlocal rows, columns
        if number == 2 and kind == _LIST:
            columns = reader.list(_MOST_COLUMNS, "columns", reader.skip)
        elif number == 3 and kind in _INTEGERS:
            rows = reader.integer()
        elif number == 4 and kind == _LIST:
            reader.list(
                _MOST_GROUPS, "row groups", lambda kind: groups.append(_group(reader, kind))
            )
        else:
            reader.skip(kind)

    reader.struct(field)
    if rows is None:
        raise _broken("its footer has no number of rows")
    if rows < 0 or any(count < 0 for count in groups):
        raise _broken("its footer has a negative number of rows")
    if rows > _MOST_ROWS:
        raise InvalidInput(
            f"The Parquet file has {rows} rows; at most {_MOST_ROWS} are taken.",
            hint="Send it in several imports.",
        )
    # No two items are equal, so that each leaves some bytes; runs of equal rows leave none.
    if rows > size:
        raise InvalidInput(
            f"The Parquet file has {rows} rows in {size} bytes.",
            hint="Send each document or chunk once, with an id of its own.",
        )
    if rows != sum(groups):
        raise _broken(f"it has {rows} rows by its footer, and {sum(groups)} by its row groups")
    return ParquetCounts(rows, columns, len(groups))


def _group(reader: _Thrift, kind: int) -> int:
    if kind != _STRUCT:
        raise _broken("a row group is no structure")
    rows = -1

    def field(number: int, kind: int) -> None:
        nonlocal rows
        if number == 3 and kind in _INTEGERS:
            rows = reader.integer()
        else:
            reader.skip(kind)

    reader.struct(field)
    return rows


class _Thrift:
    """A cursor over Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._depth = 0

    def struct(self, field: Callable[[int, int], None]) -> None:
        """Call ``field`` with number and kind of each field; it must read or skip the value."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _broken("its footer nests too deeply")
        number = 0
        while (head := self._byte()) != _STOP:
            delta, kind = head >> 4, head & 15
            number = number + delta if delta else self.integer()
            field(number, kind)
        self._depth -= 1

    def list(self, most: int, what: str, element: Callable[[int], None]) -> int:
        """Call ``element`` with the kind of each element; return how many there are."""
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        if count > most:
            raise InvalidInput(
                f"The Parquet file has {count} {what}; at most {most} are taken.",
                hint="Write only an item's columns, in larger row groups.",
            )
        for _ in range(count):
            element(kind)
        return count

    def integer(self) -> int:
        """Read a signed integer."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int) -> None:
        """Pass over a value."""
        if kind in (_TRUE, _FALSE):
            return
        if kind == _BYTE:
            self._pass(1)
        elif kind in _INTEGERS:
            self._varint()
        elif kind == _DOUBLE:
            self._pass(8)
        elif kind == _BINARY:
            self._pass(self._varint())
        elif kind in (_LIST, _SET):
            # Every element but a truth value takes a byte; those are a byte each in lists.
            self._depth += 1
            if self._depth > _DEEPEST:
                raise _broken("its footer nests too deeply")
            self.list(len(self._data), "values in a list", self._skip_element)
            self._depth -= 1
        elif kind == _STRUCT:
            self.struct(lambda _, inner: self.skip(inner))
        else:
            raise _broken("its footer holds something unknown")

    def _skip_element(self, kind: int) -> None:
        if kind in (_TRUE, _FALSE):
            self._pass(1)
        else:
            self.skip(kind)

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise _broken("its footer ends too early")
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise _broken("its footer holds a number that is too long")

    def _pass(self, count: int) -> None:
        if count > len(self._data) - self._at:
            raise _broken("its footer ends too early")
        self._at += count


def _broken(problem: str) -> InvalidInput:
    return InvalidInput(
        f"The body is not Parquet: {problem}.",
        hint="Check that the upload is complete and of the format that it says.",
    )
