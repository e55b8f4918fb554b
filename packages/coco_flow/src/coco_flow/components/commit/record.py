"""The record of a component's target states, as the state file keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgpack

from coco_flow.components.provider import DIGEST_BYTES, Generation

__all__ = ["Item", "ItemKey", "Items", "decode_items", "encode_items"]


class Item:
    """What may be in a target under one key.

    Attributes:
        key: The encoded key.
        states: Tracking records of the states that the target may be in; None if it may be in
            none. There are several while an action is under way, or after one failed.
        schema: The schema generation of the target for which the state was written.
        generation: The generation of the target that this state itself is, if it is one.
    """

    __slots__ = ("generation", "key", "schema", "states")

    def __init__(
        self,
        key: bytes,
        states: list[bytes | None],
        schema: int = 0,
        generation: Generation | None = None,
    ) -> None:
        self.key = key
        self.states = states
        self.schema = schema
        self.generation = generation

    @property
    def records(self) -> list[bytes]:
        """The tracking records without "none"."""
        return [state for state in self.states if state is not None]

    def with_states(self, states: list[bytes | None], schema: int | None = None) -> Item:
        """Return the item in other states."""
        return Item(self.key, states, self.schema if schema is None else schema, self.generation)


ItemKey: TypeAlias = tuple[bytes, int]
"""The path of a target state and the id of its target's generation."""

Items: TypeAlias = dict[ItemKey, Item]


def encode_items(items: Items) -> bytes:
    """Return the encoding of items; those of one target share its path."""
    groups: dict[tuple[bytes, int, int], list[Any]] = {}
    for (path, number), item in items.items():
        entry: list[Any] = [path[-DIGEST_BYTES:], item.key, item.states]
        if item.generation is not None:
            entry += item.generation
        groups.setdefault((path[:-DIGEST_BYTES], number, item.schema), []).append(entry)
    packed: bytes = msgpack.packb([[*group, entries] for group, entries in groups.items()])
    return packed


def decode_items(data: bytes) -> Items:
    """Return the items that were encoded."""
    items: Items = {}
    groups: Iterable[Any] = msgpack.unpackb(data)
    for prefix, number, schema, entries in groups:
        for leaf, key, states, *generation in entries:
            items[prefix + leaf, number] = Item(
                key, states, schema, Generation(*generation) if generation else None
            )
    return items
