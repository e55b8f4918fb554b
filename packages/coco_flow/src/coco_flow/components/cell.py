"""A value between memory and the store: encoded once when stored, decoded once when used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from coco_flow.components.sentinel import NOT_SET
from coco_flow.components.serde import StoredValue, serialize

__all__ = ["Cell"]

T = TypeVar("T")


class Cell(StoredValue):
    """A value as an object, as bytes, or as both."""

    __slots__ = ("_bytes", "_value")

    def __init__(self, data: bytes | None = None, value: Any = NOT_SET) -> None:
        self._bytes = data
        self._value = value

    def get(self, deserialize_fn: Callable[[bytes], T], /) -> T:
        """Return the object, decoded on first use."""
        if self._value is NOT_SET:
            assert self._bytes is not None
            self._value = deserialize_fn(self._bytes)
        return cast("T", self._value)

    @property
    def data(self) -> bytes:
        """The encoded value."""
        if self._bytes is None:
            self._bytes = serialize(self._value)
        return self._bytes
