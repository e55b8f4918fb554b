"""Keys that a listing has shown: which rows are gone, and which were shown twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from coco_flow.engine.changes import RowIds
from coco_flow.errors import FlowError

if TYPE_CHECKING:
    from coco_flow.ports import Key
    from coco_flow.state.store import StoredRow

__all__ = ["ListedKeys"]

# A source whose key is no key at all must not fill memory and state with complaints.
_MOST_DUPLICATES = 100


class ListedKeys:
    """The keys of one listing, as far as it has come.

    Rows that are known are distinguished by their ids; of new ones, only those that are not
    in the state yet are kept.
    """

    def __init__(self, source_name: str, last_known: int) -> None:
        self._source_name = source_name
        self._last_known = last_known
        self._ids = RowIds()
        self._in_flight: set[bytes] = set()
        self._duplicates: dict[bytes, Key] = {}

    def waiting(self, encoded: Sequence[bytes]) -> set[bytes]:
        """Return those of these keys that are being processed; call it before reading the state."""
        return self._in_flight.intersection(encoded)

    def is_repeated(
        self, key: Key, encoded: bytes, stored: StoredRow | None, waiting: set[bytes]
    ) -> bool:
        """Record that the listing shows a row; return whether it has shown that key before."""
        if stored is None:
            repeated = encoded in waiting or encoded in self._in_flight
            self._in_flight.add(encoded)
        else:
            # The listing itself led to rows with higher ids.
            repeated = encoded in waiting or stored.id > self._last_known or stored.id in self._ids
            self._ids.add(stored.id)
        if repeated and len(self._duplicates) < _MOST_DUPLICATES:
            self._duplicates[encoded] = key
        return repeated

    def processed(self, encoded: Iterable[bytes]) -> None:
        """Drop new rows that are in the state by now."""
        self._in_flight.difference_update(encoded)

    def gone(self, ids: Iterable[int]) -> list[int]:
        """Return those ids whose rows the listing has not shown."""
        return [row_id for row_id in ids if row_id not in self._ids]

    def duplicates(self) -> list[tuple[bytes, Key, FlowError]]:
        """Return the keys that were shown more than once, each with what to say of it."""
        return [
            (
                encoded,
                key,
                FlowError(
                    f"Source {self._source_name!r} lists the key {key!r} more than once; only the "
                    "first of these rows was processed.",
                    hint="Give each row a different key.",
                ),
            )
            for encoded, key in self._duplicates.items()
        ]
