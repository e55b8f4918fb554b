from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.inspection import list_stable_paths_sync
from tests.component_parts import Action, MemoryTables, MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


def test_targets_follow_what_is_declared(app: Make, target: MemoryTarget) -> None:
    wanted = {"a": 1, "b": 2}

    @coco.fn
    def main() -> int:
        for key, value in wanted.items():
            target.declare(key, value)
        return len(wanted)

    program = app(main)
    assert program.update_blocking() == 2
    assert target.contents == {"a": 1, "b": 2}
    target.actions()
    assert program.update_blocking() == 2
    assert target.actions() == []
    wanted.update(b=3, c=4)
    del wanted["a"]
    program.update_blocking()
    assert target.contents == {"b": 3, "c": 4}
    assert sorted(target.actions(), key=repr) == sorted(
        [Action("b", 3), Action("c", 4), Action("a", coco.NON_EXISTENCE)], key=repr
    )


def test_one_component_for_each_item_and_none_for_those_gone(
    restarted: Make, target: MemoryTarget
) -> None:
    items = {"a": "1", "b": "2", "c": "3"}
    ran: list[str] = []

    @coco.fn(memo=True)
    async def one(text: str, prefix: str) -> None:
        ran.append(text)
        target.declare(f"{prefix}{text}", text)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, items.items(), "x")

    program = restarted(main)
    program.update_blocking()
    assert sorted(ran) == ["1", "2", "3"]
    assert target.contents == {"x1": "1", "x2": "2", "x3": "3"}
    ran.clear()
    items["b"] = "two"
    del items["c"]
    # The state is read again by the new environment.
    program = restarted(main)
    program.update_blocking()
    assert ran == ["two"]
    assert target.contents == {"x1": "1", "xtwo": "two"}
    assert [str(path) for path in list_stable_paths_sync(program)] == [
        "/", '/@one', '/@one/"a"', '/@one/"b"',
    ]  # fmt: skip


def test_a_mounted_function_gives_its_result(app: Make, target: MemoryTarget) -> None:
    @coco.fn
    def part(number: int) -> int:
        target.declare(number, number)
        return number * 10

    @coco.fn
    async def main() -> list[int]:
        with coco.component_subpath("parts"):
            return [await coco.use_mount(coco.ComponentSubpath(n), part, n) for n in (1, 2)]

    assert app(main).update_blocking() == [10, 20]
    assert target.contents == {1: 1, 2: 2}


def test_removing_a_component_removes_all_below_it(restarted: Make, target: MemoryTarget) -> None:
    levels = 3

    @coco.fn
    async def nested(depth: int) -> None:
        target.declare(depth, depth)
        if depth > 1:
            await coco.mount(nested, depth - 1)

    @coco.fn
    async def main() -> None:
        if levels:
            await coco.mount(nested, levels)

    restarted(main).update_blocking()
    assert target.contents == {3: 3, 2: 2, 1: 1}
    levels = 0
    program = restarted(main)
    program.update_blocking()
    assert target.contents == {}
    assert [str(path) for path in list_stable_paths_sync(program)] == ["/"]


def test_one_failing_component_leaves_the_others_and_its_own_states(
    app: Make, target: MemoryTarget, caplog: pytest.LogCaptureFixture
) -> None:
    texts = {"a": "1", "b": "2", "c": "3"}

    @coco.fn
    async def one(text: str) -> None:
        if text == "bad":
            raise ValueError("cannot read it")
        target.declare(text, text)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, texts.items())

    program = app(main)
    program.update_blocking()
    texts.update(a="one", b="bad")

    async def update() -> coco.UpdateStats | None:
        handle = program.update()
        await handle
        return handle.stats()

    with caplog.at_level(logging.ERROR, "coco_flow"):
        stats = asyncio.run(update())
    assert stats is not None
    counts = stats.by_component[one.__qualname__]
    assert (counts.num_reprocesses, counts.num_errors) == (2, 1)
    assert "cannot read it" in caplog.text
    assert '"b"' in caplog.text
    assert target.contents == {"one": "one", "2": "2", "3": "3"}
    texts["b"] = "good"
    program.update_blocking()
    assert target.contents == {"one": "one", "good": "good", "3": "3"}


def test_a_failing_main_function_changes_nothing(app: Make, target: MemoryTarget) -> None:
    fails = False

    @coco.fn
    def main() -> None:
        target.declare("a", 1)
        if fails:
            raise LookupError("no source")

    program = app(main)
    program.update_blocking()
    fails = True
    with pytest.raises(LookupError, match="no source"):
        program.update_blocking()
    assert target.contents == {"a": 1}


def test_what_cannot_be_mounted_or_declared_is_refused(app: Make, target: MemoryTarget) -> None:
    @coco.fn
    async def child() -> None: ...

    @coco.fn
    async def twice() -> None:
        target.declare("a", 1)
        with pytest.raises(ValueError, match="already declared with key 'a'"):
            target.declare("a", 2)
        await coco.mount(child)
        with pytest.raises(ValueError, match=r"/@.*child already exists"):
            await coco.mount(child)
        with pytest.raises(TypeError, match="needs a function"):
            await coco.mount()
        with pytest.raises(OverflowError, match="must fit 64 bits"):
            await coco.mount(coco.ComponentSubpath(2**70), child)

    app(twice).update_blocking()
    with pytest.raises(RuntimeError, match="component"):
        target.declare("a", 1)


def test_a_table_made_anew_gets_all_its_rows_again(restarted: Make) -> None:
    tables = MemoryTables()
    layout = "one"
    ran: list[str] = []

    @coco.fn(memo=True)
    async def row(key: str, table: Any) -> None:
        ran.append(key)
        coco.declare_target_state(table.target_state(key, key.upper()))

    @coco.fn
    async def main() -> None:
        table = await coco.mount_target(tables.table("t", layout))
        await coco.mount_each(row, [(key, key) for key in "ab"], table)

    restarted(main).update_blocking()
    assert tables.tables == {"t": {"a": "A", "b": "B"}}
    ran.clear()
    restarted(main).update_blocking()
    assert ran == []
    layout = "two"
    tables.tables["t"].clear()
    restarted(main).update_blocking()
    assert sorted(ran) == ["a", "b"]
    assert tables.tables == {"t": {"a": "A", "b": "B"}}


def test_rows_of_a_table_that_is_gone_need_no_action(restarted: Make) -> None:
    tables = MemoryTables()
    has_table = True

    @coco.fn
    async def row(key: str, table: Any) -> None:
        coco.declare_target_state(table.target_state(key, key))

    @coco.fn
    async def main() -> None:
        if has_table:
            table = await coco.mount_target(tables.table("t"))
            await coco.mount_each(row, [("a", "a")], table)

    restarted(main).update_blocking()
    has_table = False
    restarted(main).update_blocking()
    assert tables.tables == {}


def test_actions_of_many_components_come_in_few_batches(app: Make, target: MemoryTarget) -> None:
    @coco.fn
    async def one(number: int) -> None:
        target.declare(number, number)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(n, n) for n in range(300)])

    app(main).update_blocking()
    assert len(target.contents) == 300
    # How many there are depends on the machine's load; one a component would be 300.
    assert len(target.batches) < 100


def test_apps_in_one_environment_are_apart(
    environment: coco.Environment, target: MemoryTarget
) -> None:
    def main(key: str) -> None:
        target.declare(key, key)

    first = coco.App(coco.AppConfig("first", environment), main, "a")
    second = coco.App(coco.AppConfig("second", environment), main, "b")
    first.update_blocking()
    second.update_blocking()
    assert target.contents == {"a": "a", "b": "b"}
    first.drop_blocking()
    assert target.contents == {"b": "b"}
    with pytest.raises(ValueError, match="'second' is already registered"):
        coco.App(coco.AppConfig("second", environment), main, "c")


def test_dropping_removes_everything_and_the_app_can_run_again(
    restarted: Make, target: MemoryTarget
) -> None:
    @coco.fn(memo=True)
    async def one(key: str) -> None:
        target.declare(key, key)

    @coco.fn
    async def main() -> None:
        target.declare("root", 1)
        await coco.mount_each(one, [("a", "a"), ("b", "b")])

    restarted(main).update_blocking()
    program = restarted(main)
    program.drop_blocking()
    assert target.contents == {}
    assert list_stable_paths_sync(program) == []
    program.update_blocking()
    assert target.contents == {"root": 1, "a": "a", "b": "b"}


def test_a_preview_gives_the_actions_and_takes_none(app: Make, target: MemoryTarget) -> None:
    values = {"a": 1}
    tables = MemoryTables()

    @coco.fn
    async def one(value: int, key: str, table: Any) -> None:
        target.declare(key, value)
        coco.declare_target_state(table.target_state(key, value))

    @coco.fn
    async def main() -> None:
        table = await coco.mount_target(tables.table("t"))
        for key, value in values.items():
            await coco.mount(coco.ComponentSubpath(key), one, value, key, table)

    program = app(main)
    preview = program.update_blocking(preview=True)
    assert [action for action in preview if isinstance(action, Action)] == [Action("a", 1)] * 2
    assert (target.contents, tables.tables) == ({}, {})
    program.update_blocking()
    values["a"] = 2
    assert Action("a", 2) in program.update_blocking(preview=True)
    assert (target.contents, tables.tables) == ({"a": 1}, {"t": {"a": 1}})
    program.update_blocking()
    assert (target.contents, tables.tables) == ({"a": 2}, {"t": {"a": 2}})


def test_reprocessing_runs_all_and_tells_handlers_that_states_may_be_missing(
    app: Make, target: MemoryTarget
) -> None:
    ran: list[str] = []

    @coco.fn(memo=True)
    async def one(key: str) -> None:
        ran.append(key)
        target.declare(key, key)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [("a", "a"), ("b", "b")])

    program = app(main)
    program.update_blocking()
    target.contents.clear()
    target.actions()
    program.update_blocking(full_reprocess=True)
    assert sorted(ran) == ["a", "a", "b", "b"]
    assert target.contents == {"a": "a", "b": "b"}


def test_keys_of_all_kinds_can_be_used(restarted: Make, target: MemoryTarget) -> None:
    keys: list[Any] = [None, True, 1, -5, 2**62, "1", "ü/'\"", b"\x00\xff", ("a", (1, None)), ""]

    @coco.fn
    async def one(key: Any) -> None:
        target.declare(key, repr(key))

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(key, key) for key in keys])

    restarted(main).update_blocking()
    assert target.contents == {key: repr(key) for key in keys}
    target.actions()
    restarted(main).update_blocking()
    assert target.actions() == []
    keys[:] = keys[5:]
    restarted(main).update_blocking()
    assert target.contents == {key: repr(key) for key in keys}


def test_plain_functions_can_be_mounted(app: Make, target: MemoryTarget, tmp_path: Path) -> None:
    def one(key: str) -> None:
        target.declare(key, str(tmp_path))

    async def main() -> None:
        await coco.mount_each(one, [("a", "a")])

    app(main).update_blocking()
    assert target.contents == {"a": str(tmp_path)}
