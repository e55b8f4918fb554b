"""Targets of one's own: states inside states, attachments, sinks of all kinds, invalidation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from coco_flow import components as coco
from tests.component_parts import MemoryTables, MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


class Change(NamedTuple):
    kind: str
    path: tuple[Any, ...]
    value: Any


class Level(coco.TargetHandler[Any, Any, Any]):
    """States of any depth, each of which has states inside and indexes attached to it."""

    def __init__(self, changes: list[Change], style: str, path: tuple[Any, ...] = ()) -> None:
        self.changes = changes
        self.style = style
        self.path = path
        self.sink = self._sink()

    def _sink(self) -> coco.TargetActionSink[Any, Any]:
        if self.style == "factory":
            return coco.TargetActionSink.from_async_fn(self._apply_async, child_handler=self._child)
        if self.style == "returned":
            return coco.TargetActionSink.from_fn(self._apply_and_return)
        with pytest.warns(DeprecationWarning, match="child_handler"):
            return coco.TargetActionSink.from_fn_with_children(self._apply_and_fulfill)

    def _child(self, _: Any, action: Change) -> Level:
        return Level(self.changes, self.style, action.path)

    async def _apply_async(self, _: Any, actions: Sequence[Change]) -> None:
        await asyncio.sleep(0)
        self.changes += actions

    def _apply_and_return(self, context: Any, actions: Sequence[Change]) -> list[Any]:
        self.changes += actions
        return [
            None
            if coco.is_non_existence(action.value)
            else coco.ChildTargetDef(self._child(context, action))
            for action in actions
        ]

    def _apply_and_fulfill(
        self, context: Any, actions: Sequence[Change], slots: Mapping[int, coco.ChildSlot[Level]]
    ) -> None:
        self.changes += actions
        for index, slot in slots.items():
            slot.fulfill(self._child(context, actions[index]))
            with pytest.raises(ValueError, match="fulfilled before"):
                slot.fulfill(self._child(context, actions[index]))

    def reconcile(
        self, key: Any, desired: Any, records: Collection[Any], may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput[Change, Any, Any] | None:
        if coco.is_non_existence(desired) and not records:
            return None
        change = Change("state", (*self.path, key), desired)
        return coco.TargetReconcileOutput(change, self.sink, desired)

    def attachments(self) -> dict[str, coco.TargetHandler[Any, Any, Any]]:
        return {"index": Index(self.changes, self.path)}


class Index(coco.TargetHandler[Any, Any, Any]):
    def __init__(self, changes: list[Change], path: tuple[Any, ...]) -> None:
        self.changes = changes
        self.path = path
        self.sink: coco.TargetActionSink[Change, Any] = coco.TargetActionSink.from_fn(self._apply)

    def _apply(self, _: Any, actions: Sequence[Change]) -> None:
        self.changes += actions

    def reconcile(
        self, key: Any, desired: Any, records: Collection[Any], may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput[Change, Any, None] | None:
        if not may_be_missing and all(record == desired for record in records):
            return None
        change = Change("index", (*self.path, key), desired)
        return coco.TargetReconcileOutput(change, self.sink, desired)


@pytest.mark.parametrize("style", ["factory", "returned", "slots"])
def test_states_inside_states_with_indexes(restarted: Make, style: str) -> None:
    changes: list[Change] = []
    root = coco.register_root_target_states_provider(
        f"coco_flow_tests/levels_{style}", Level(changes, style)
    )
    indexes = ["i"]
    has_inner = True

    @coco.fn
    async def main() -> None:
        outer = await coco.mount_target(root.target_state("outer", 1))
        for name in indexes:
            coco.declare_target_state(outer.attachment("index").target_state(name, 1))
        if has_inner:
            inner = await coco.mount_target(outer.target_state("inner", 1))
            await coco.mount_target(inner.target_state("leaf", 1))
        with pytest.raises(ValueError, match="does not support attachment type 'other'"):
            outer.attachment("other")

    restarted(main).update_blocking()
    assert sorted(changes) == [
        Change("index", ("outer", "i"), 1),
        Change("state", ("outer",), 1),
        Change("state", ("outer", "inner"), 1),
        Change("state", ("outer", "inner", "leaf"), 1),
    ]
    paths = [change.path for change in changes if change.kind == "state"]
    assert paths == sorted(paths)
    changes.clear()
    indexes[:] = ["j"]
    has_inner = False
    restarted(main).update_blocking()
    gone = coco.NON_EXISTENCE
    assert {change for change in changes if change.path != ("outer",)} == {
        Change("index", ("outer", "i"), gone),
        Change("index", ("outer", "j"), 1),
        # What was inside it went with it.
        Change("state", ("outer", "inner"), gone),
    }


@pytest.mark.parametrize("invalidation", ["lossy", "destructive"])
def test_a_changed_target_has_its_states_written_again(restarted: Make, invalidation: Any) -> None:
    tables = MemoryTables()
    tables.invalidation = invalidation
    layout = "one"
    keys = ["a", "b"]

    @coco.fn(memo=True)
    async def row(key: str, table: Any) -> None:
        coco.declare_target_state(table.target_state(key, key))

    @coco.fn
    async def main() -> None:
        table = await coco.mount_target(tables.table("t", layout))
        await coco.mount_each(row, [(key, key) for key in keys], table)

    restarted(main).update_blocking()
    layout = "two"
    keys.remove("b")
    tables.tables["t"] = {} if invalidation == "destructive" else {"b": "b"}
    restarted(main).update_blocking()
    # A row that is gone is removed where the table may still have it.
    assert tables.tables == {"t": {"a": "a"}}


def test_a_sink_runs_one_batch_at_a_time(restarted: Make, target: MemoryTarget) -> None:
    running = threading.Lock()
    sizes: list[int] = []

    def before(batch: list[Any]) -> None:
        assert running.acquire(blocking=False)
        sizes.append(len(batch))
        running.release()

    target.before = before

    @coco.fn
    async def one(number: int) -> None:
        await asyncio.sleep(0)
        target.declare(number, number)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(n, n) for n in range(100)])

    restarted(main).update_blocking()
    assert sum(sizes) == 100
    assert len(target.contents) == 100


def test_a_sink_sees_the_context_values(restarted: Make) -> None:
    key: coco.ContextKey[list[Any]] = coco.ContextKey("test_targets_log")
    log: list[Any] = []

    class Handler:
        def __init__(self) -> None:
            self.sink: coco.TargetActionSink[Any, Any] = coco.TargetActionSink.from_fn(self.apply)

        def reconcile(self, name: Any, desired: Any, *_: Any) -> Any:
            return coco.TargetReconcileOutput(name, self.sink, desired)

        def apply(self, context: coco.ContextProvider, actions: Sequence[Any]) -> None:
            context.get(key).extend(actions)

    provider = coco.register_root_target_states_provider("coco_flow_tests/context", Handler())

    @coco.fn
    def main() -> None:
        coco.declare_target_state(provider.target_state("a", 1))

    values = coco.ContextProvider()
    values.provide(key, log)
    restarted(main, context_provider=values).update_blocking()
    assert log == ["a"]


def test_what_is_no_handler_is_refused() -> None:
    with pytest.raises(TypeError, match=r"no reconcile\(\) method"):
        coco.register_root_target_states_provider("coco_flow_tests/none", object())  # type: ignore[arg-type]


def test_a_target_that_is_not_applied_cannot_take_states(restarted: Make) -> None:
    tables = MemoryTables()

    @coco.fn
    def main() -> None:
        table = coco.declare_target_state_with_child(tables.table("t"))
        coco.declare_target_state(table.target_state("a", 1))

    with pytest.raises(ValueError, match="not applied yet"):
        restarted(main).update_blocking()
    assert tables.tables == {}
