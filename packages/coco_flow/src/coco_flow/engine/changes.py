"""Comparison of a listing with recorded rows, and the set of rows that it has listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coco_flow.state.store import ATTENTION_UNSETTLED

if TYPE_CHECKING:
    from coco_flow.ports import ListedRow
    from coco_flow.state.store import StoredRow

__all__ = ["RowIds", "is_older", "is_unchanged"]


class RowIds:
    """A set of row ids in an eighth of a byte each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Add an id."""
        place = number >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(max(place + 1 - len(self._bits), 4096)))
        self._bits[place] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] & (1 << (number & 7)))


def is_unchanged(listed: ListedRow, stored: StoredRow, logic: bytes) -> bool:
    """Say whether the listing alone shows that nothing need be done."""
    if stored.logic != logic or stored.staged or stored.attention:
        # An unsettled token asks for a look at the content, the other flags for a new evaluation.
        return (
            stored.attention == ATTENTION_UNSETTLED
            and stored.logic == logic
            and not stored.staged
            and is_older(listed, stored)
        )
    if is_older(listed, stored):
        return True
    if listed.token is not None and listed.token == stored.token:
        return True
    if listed.digest is not None and listed.digest == stored.digest:
        return True
    return listed.token is None and listed.ordinal is not None and listed.ordinal == stored.ordinal


def is_older(listed: ListedRow, stored: StoredRow) -> bool:
    """Say whether a source with ordinals lists an older version than the recorded one."""
    return (
        listed.ordinal is not None
        and stored.ordinal is not None
        and listed.ordinal < stored.ordinal
    )
