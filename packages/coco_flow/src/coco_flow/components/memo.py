"""Stored results of memoized function calls in one component, and of components themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from coco_flow.components.cell import Cell
from coco_flow.components.logic import is_current
from coco_flow.components.provider import Generation, ProviderDeps, Registry, deps_hold

if TYPE_CHECKING:
    from coco_flow.components.call import Call

__all__ = ["ComponentMemo", "FunctionMemo", "MemoSlot", "MemoTable", "States"]


class States(NamedTuple):
    """States of what a result was computed from: of arguments in order, and of context values."""

    positional: list[Cell]
    contexts: dict[bytes, list[Cell]]

    @classmethod
    def of(cls, positional: list[Any], contexts: dict[bytes, list[Any]]) -> States:
        """Wrap values."""
        return cls(
            [Cell(value=each) for each in positional],
            {key: [Cell(value=each) for each in values] for key, values in contexts.items()},
        )

    def encoded(self) -> tuple[list[bytes], list[tuple[bytes, list[bytes]]]]:
        """Return the states as the store keeps them."""
        return (
            [each.data for each in self.positional],
            [(key, [each.data for each in cells]) for key, cells in self.contexts.items()],
        )

    @classmethod
    def decoded(cls, positional: list[bytes], contexts: list[Any]) -> States:
        """Return the states that `encoded` gave."""
        return cls(
            [Cell(each) for each in positional],
            {key: [Cell(each) for each in values] for key, values in contexts},
        )


def _encode_deps(deps: ProviderDeps) -> list[tuple[bytes, int, int]]:
    return [(path, *generation) for path, generation in deps.items()]


def _decode_deps(deps: Iterable[Any]) -> ProviderDeps:
    return {path: Generation(number, schema) for path, number, schema in deps}


class FunctionMemo(NamedTuple):
    """The result of a memoized call and all that its reuse depends on.

    Attributes:
        targets: Target states that it declared, which stay when the call is left out.
        providers: Generations of the providers that those were declared with.
        memos: Keys of memoized calls inside it.
        stored: Whether the store has it as it is.
    """

    result: Cell
    targets: list[bytes]
    providers: ProviderDeps
    memos: frozenset[bytes]
    logic: frozenset[bytes]
    contexts: frozenset[bytes]
    states: States
    stored: bool

    @classmethod
    def of(cls, call: Call, result: Any, states: States) -> FunctionMemo:
        """Make the memo of a call that has returned."""
        return cls(
            Cell(value=result), list(call.targets), dict(call.providers), frozenset(call.memos),
            frozenset(call.code() - call.contexts), frozenset(call.contexts), states, False,
        )  # fmt: skip

    def encoded(self) -> bytes:
        """Return the memo as the store keeps it."""
        packed: bytes = msgpack.packb((
            self.result.data, self.targets, _encode_deps(self.providers), list(self.memos),
            list(self.logic), list(self.contexts), *self.states.encoded(),
        ))  # fmt: skip
        return packed

    @classmethod
    def decoded(cls, data: bytes) -> FunctionMemo:
        """Return the memo that `encoded` gave."""
        result, targets, providers, memos, logic, contexts, *states = msgpack.unpackb(data)
        return cls(
            Cell(result), targets, _decode_deps(providers), frozenset(memos), frozenset(logic),
            frozenset(contexts), States.decoded(*states), True,
        )  # fmt: skip


class ComponentMemo(NamedTuple):
    """The result of a memoized component and all that its reuse depends on."""

    result: Cell
    logic: set[bytes]
    providers: ProviderDeps
    states: States

    def encoded(self) -> bytes:
        """Return the memo as the store keeps it."""
        packed: bytes = msgpack.packb((
            self.result.data, sorted(self.logic), _encode_deps(self.providers),
            *self.states.encoded(),
        ))  # fmt: skip
        return packed

    @classmethod
    def decoded(cls, data: bytes) -> ComponentMemo:
        """Return the memo that `encoded` gave."""
        result, logic, providers, *states = msgpack.unpackb(data)
        return cls(Cell(result), set(logic), _decode_deps(providers), States.decoded(*states))


_holding = threading.Lock()


class MemoSlot:
    """The entry of one memo, which one call at a time may read and fill.

    Calls with the same key wait for the first one, so that a function is not run twice for it.
    """

    __slots__ = ("_held_by", "_waiting", "data", "memo", "reused")

    def __init__(self, data: bytes | None = None) -> None:
        self.data = data
        self.memo: FunctionMemo | None = None
        self.reused = False
        self._held_by: int | None = None
        self._waiting: list[Any] = []

    def hold(self) -> None:
        """Take the slot from plain code, waiting in this thread."""
        me = threading.get_ident()
        with _holding:
            if self._held_by is None:
                self._held_by = me
                return
            if self._held_by == me:
                raise RuntimeError(
                    "A memoized function calls itself with the same arguments, so that it would "
                    "wait for its own result."
                )
            ready = threading.Event()
            self._waiting.append(ready)
        ready.wait()

    async def hold_async(self) -> None:
        """Take the slot from async code."""
        with _holding:
            if self._held_by is None:
                self._held_by = 0
                return
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            with _holding:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
                    raise
            self.release()
            raise

    def release(self) -> None:
        """Give the slot to the next one who waits."""
        with _holding:
            if not self._waiting:
                self._held_by = None
                return
            waiter = self._waiting.pop(0)
        if isinstance(waiter, threading.Event):
            waiter.set()
        else:
            waiter.get_loop().call_soon_threadsafe(_hand_over, waiter)

    def find(self, known: set[bytes], registry: Registry) -> FunctionMemo | None:
        """Return the memo if the code and the targets that it depends on are still the same."""
        memo = self.decode()
        if memo is None or (memo is self.memo and self.reused):
            return memo
        if not (
            is_current(memo.logic, known)
            and is_current(memo.contexts, known)
            and deps_hold(memo.providers, registry)
        ):
            self.memo = None
        return self.memo

    def decode(self) -> FunctionMemo | None:
        """Return the memo, whether or not it may be used."""
        if self.data is not None:
            self.memo = FunctionMemo.decoded(self.data)
            self.data = None
        return self.memo

    def put(self, memo: FunctionMemo | None) -> None:
        """Put the memo of a call that ran; None if it cannot be reused."""
        self.data = None
        self.memo = memo
        self.reused = False

    def reuse(self, states: States | None = None) -> None:
        """Record that the memo is valid for a call of this run, with states that changed."""
        self.reused = True
        if states is not None and self.memo is not None:
            self.memo = self.memo._replace(states=states, stored=False)


def _hand_over(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class MemoTable:
    """The memos of one component in one run.

    Attributes:
        loaded: Whether the stored memos are known; if not, they are all replaced.
    """

    __slots__ = ("_stored", "loaded", "slots")

    def __init__(self) -> None:
        self.loaded = False
        self.slots: dict[bytes, MemoSlot] = {}
        self._stored: list[bytes] = []

    def load(self, rows: list[tuple[bytes, bytes]]) -> None:
        """Take in the stored memos."""
        self.loaded = True
        self.slots = {key: MemoSlot(data) for key, data in rows}
        self._stored = list(self.slots)

    def slot(self, key: bytes) -> MemoSlot:
        """Return the place of the memo with this key."""
        # One atomic step: threads of one component may ask for the same key.
        return self.slots.setdefault(key, MemoSlot())

    def contained(self) -> set[bytes]:
        """Return the target states that reused memos declared, and keep memos inside those."""
        found: set[bytes] = set()
        seen: set[bytes] = set()
        ahead = [key for key, slot in self.slots.items() if slot.reused]
        while ahead:
            key = ahead.pop()
            if key in seen:
                continue
            seen.add(key)
            slot = self.slots.get(key)
            memo = None if slot is None else slot.decode()
            if memo is not None:
                found.update(memo.targets)
                ahead.extend(memo.memos)
        return found

    def writes(self) -> list[tuple[bytes, bytes]]:
        """Return the memos that the store does not have yet."""
        return [
            (key, slot.memo.encoded())
            for key, slot in self.slots.items()
            if slot.memo is not None and not slot.memo.stored
        ]

    def dropped(self) -> list[bytes]:
        """Return the keys of stored memos that this run did not use."""
        return [key for key in self._stored if self.slots[key].memo is None]
