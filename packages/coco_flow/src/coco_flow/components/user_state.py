"""Persistent states of components: values that the next run of a component starts with."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from coco_flow.components.cell import Cell
from coco_flow.components.paths import StableKey, encode_key
from coco_flow.components.serde import DeserializeFn, get_deserialize_fn, make_deserialize_fn

__all__ = ["StateHandle", "StateTable", "use_state"]

T = TypeVar("T")


class StateTable:
    """The states of one run: those that were stored, and those that the run claimed."""

    __slots__ = ("claimed", "loaded", "stored")

    def __init__(self) -> None:
        self.loaded = False
        self.stored: dict[bytes, Cell] = {}
        self.claimed: dict[bytes, tuple[Any, Cell]] = {}

    def load(self, rows: list[tuple[bytes, bytes]]) -> None:
        """Take in the stored states."""
        self.loaded = True
        self.stored = {key: Cell(value) for key, value in rows}

    def claim(self, encoded: bytes, key: Any, initial: Any) -> Cell:
        """Return the stored state, or one with the initial value."""
        if encoded in self.claimed:
            raise RuntimeError(
                f"use_state() key {key!r} declared more than once in the same component run; give "
                "each state its own key."
            )
        cell = self.stored.get(encoded) or Cell(value=initial)
        self.claimed[encoded] = (key, cell)
        return cell

    def update(self, encoded: bytes, value: Any) -> Cell:
        """Replace the value of a claimed state."""
        key, _ = self.claimed[encoded]
        cell = Cell(value=value)
        self.claimed[encoded] = (key, cell)
        return cell

    def writes(self) -> list[tuple[bytes, bytes]]:
        """Return the encoded values of all claimed states that are new or changed."""
        found = []
        for encoded, (key, cell) in self.claimed.items():
            if self.stored.get(encoded) is cell:
                continue
            try:
                found.append((encoded, cell.data))
            except Exception as error:
                raise TypeError(
                    f"failed to serialize user state for key {key!r}: {error}"
                ) from error
        return found

    def dropped(self) -> list[bytes]:
        """Return the keys of stored states that this run did not claim."""
        return [key for key in self.stored if key not in self.claimed]


class StateHandle(Generic[T]):
    """A persistent state: read `value`, and assign it for the next run.

    The value is encoded when the component is committed, as it is then.
    """

    __slots__ = ("_cell", "_decode", "_encoded", "_table")

    def __init__(
        self, table: StateTable, encoded: bytes, cell: Cell, decode: DeserializeFn
    ) -> None:
        self._table = table
        self._encoded = encoded
        self._cell = cell
        self._decode = decode

    @property
    def value(self) -> T:
        """The current value."""
        return self._cell.get(self._decode)  # type: ignore[no-any-return]

    @value.setter
    def value(self, new_value: T) -> None:
        self._cell = self._table.update(self._encoded, new_value)


_decode_any = make_deserialize_fn(Any)


@overload
def use_state(key: StableKey, initial_value: Any = None) -> StateHandle[Any]: ...
@overload
def use_state(
    key: StableKey, initial_value: T | None = None, *, type_hint: type[T]
) -> StateHandle[T]: ...
def use_state(
    key: StableKey, initial_value: Any = None, *, type_hint: type[Any] | None = None
) -> StateHandle[Any]:
    """Return a persistent state of the running component.

    Its value is what the previous run left, or `initial_value` in the first one. A state that a
    run does not use is removed.

    Args:
        key: Names the state within the component.
        initial_value: The value in the first run.
        type_hint: The type that a stored value is decoded to; plain values if left out.

    Raises:
        RuntimeError: It is called outside a component, twice for a key in one run, within
            `with component_subpath()`, or in a memoized function, which is left out when its
            result is reused.
    """
    from coco_flow.components.scope import get_component_context

    context = get_component_context()
    if context.relative:
        raise RuntimeError(
            "use_state() cannot be called inside a `with component_subpath()` block: the state "
            "belongs to the component, not to the path inside it."
        )
    if context.in_memo:
        raise RuntimeError(
            "use_state() cannot be called inside a memoized function, which does not run when its "
            "result is reused. Call it in the component and pass the value."
        )
    cell = context.scope.use_state(key, initial_value)
    decode = (
        _decode_any
        if type_hint is None
        else get_deserialize_fn(type_hint, source_label=f"use_state key {key!r}")
    )
    return StateHandle(context.scope.build.states, encode_key(key), cell, decode)
