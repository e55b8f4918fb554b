"""Target states that several components declare: none goes as long as one of them wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.inspection import iter_target_states
from tests.component_parts import Action, MemoryTables, MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


def owners(program: coco.App[Any, Any]) -> dict[str, str]:
    async def collect() -> dict[str, str]:
        return {
            entry.readable_segments[-1]: str(entry.owner_component_path)
            async for entry in iter_target_states(program)
        }

    return asyncio.run(collect())


@pytest.mark.parametrize("memo", [True, False])
@pytest.mark.parametrize("gone", ["a", "b"])
def test_what_two_declare_stays_when_one_goes(
    restarted: Make, target: MemoryTarget, memo: bool, gone: str
) -> None:
    tags = {"a": ["x", "shared"], "b": ["shared", "y"]}

    @coco.fn(memo=memo)
    async def one(names: list[str]) -> None:
        for name in names:
            target.declare(name, True)

    @coco.fn
    async def main() -> None:
        for key, names in tags.items():
            await (await coco.mount(coco.ComponentSubpath(key), one, names)).ready()

    restarted(main).update_blocking()
    assert target.contents == {"x": True, "shared": True, "y": True}
    assert owners(restarted(main))['"shared"'] == '/"b"'
    rest = "b" if gone == "a" else "a"
    left = tags.pop(gone)
    target.actions()
    program = restarted(main)
    program.update_blocking()
    alone = next(name for name in left if name != "shared")
    assert target.actions() == [Action(alone, coco.NON_EXISTENCE)]
    assert owners(program)['"shared"'] == f'/"{rest}"'
    # Now it belongs to the last one, and goes with it.
    tags.clear()
    restarted(main).update_blocking()
    assert target.contents == {}


def test_the_content_is_that_of_who_still_declares_it(
    restarted: Make, target: MemoryTarget
) -> None:
    keys = ["a", "b"]
    ran: list[str] = []

    @coco.fn(memo=True)
    def value_of(key: str) -> str:
        ran.append(f"value of {key}")
        return key.upper()

    @coco.fn(memo=True)
    def declare(key: str) -> None:
        ran.append(f"declare {key}")
        target.declare("shared", value_of(key))

    @coco.fn(memo=True)
    async def one(key: str) -> None:
        declare(key)

    @coco.fn(memo=True)
    async def folder(names: tuple[str, ...]) -> None:
        for key in names:
            await (await coco.mount(coco.ComponentSubpath(key), one, key)).ready()

    @coco.fn
    async def main() -> None:
        for key in keys:
            await coco.use_mount(coco.ComponentSubpath("in", key), folder, (key,))

    restarted(main).update_blocking()
    assert target.contents == {"shared": "B"}
    keys.remove("b")
    ran.clear()
    # The update runs again what was left out, because b's content was there in its place.
    restarted(main).update_blocking()
    assert target.contents == {"shared": "A"}
    assert ran == ["declare a"]
    restarted(main).update_blocking()
    assert ran == ["declare a"]


def test_a_state_moves_between_components_without_being_removed(
    restarted: Make, target: MemoryTarget
) -> None:
    place = "first"

    @coco.fn
    async def one() -> None:
        target.declare("a", 1)

    @coco.fn
    async def main() -> None:
        await (await coco.mount(coco.ComponentSubpath(place), one)).ready()

    restarted(main).update_blocking()
    target.actions()
    place = "second"
    program = restarted(main)
    program.update_blocking()
    assert target.actions() == []
    assert owners(program) == {'"a"': '/"second"'}
    program.drop_blocking()
    assert target.contents == {}


def test_a_claim_ends_when_the_component_no_longer_declares_the_state(
    restarted: Make, target: MemoryTarget
) -> None:
    wants = {"a": True, "b": True}

    @coco.fn
    async def one(wanted: bool) -> None:
        if wanted:
            target.declare("shared", 1)

    @coco.fn
    async def main() -> None:
        for key, wanted in wants.items():
            await (await coco.mount(coco.ComponentSubpath(key), one, wanted)).ready()

    restarted(main).update_blocking()
    wants["a"] = False
    restarted(main).update_blocking()
    assert target.contents == {"shared": 1}
    del wants["b"]
    restarted(main).update_blocking()
    assert target.contents == {}


def test_a_table_that_two_declare_keeps_its_rows_when_one_goes(restarted: Make) -> None:
    tables = MemoryTables()
    keys = ["a", "b"]

    @coco.fn
    async def declare_table(key: str) -> Any:
        return coco.declare_target_state_with_child(tables.table("t"))

    @coco.fn(memo=True)
    async def row(key: str, table: Any) -> None:
        coco.declare_target_state(table.target_state(key, key))

    @coco.fn
    async def main() -> None:
        for key in keys:
            await coco.mount(coco.ComponentSubpath("part", key), part, key)

    @coco.fn
    async def part(key: str) -> None:
        table = await coco.use_mount(coco.ComponentSubpath("table"), declare_table, key)
        await coco.mount(coco.ComponentSubpath("row"), row, key, table)

    restarted(main).update_blocking()
    assert tables.tables == {"t": {"a": "a", "b": "b"}}
    for gone in ("a", "b"):
        keys.remove(gone)
        restarted(main).update_blocking()
        assert tables.tables == ({"t": {"b": "b"}} if keys else {})


def test_dropping_removes_what_several_declare(restarted: Make, target: MemoryTarget) -> None:
    @coco.fn
    async def one(key: str) -> None:
        target.declare("shared", 1)
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        for key in "abcdef":
            await (await coco.mount(coco.ComponentSubpath(key), one, key)).ready()

    restarted(main).update_blocking()
    assert len(target.contents) == 7
    restarted(main).drop_blocking()
    assert target.contents == {}


def test_a_claim_is_known_although_the_owner_failed(restarted: Make, target: MemoryTarget) -> None:
    keys = ["a", "b"]

    @coco.fn
    async def one(key: str) -> None:
        target.declare("shared", 1)
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        for key in keys:
            await (await coco.mount(coco.ComponentSubpath(key), one, key)).ready()

    restarted(main).update_blocking()
    keys.remove("b")
    # Removing what b alone had fails, so that b is still to be removed.
    target.broken = {"b"}
    restarted(main).update_blocking()
    target.broken = set()
    restarted(main).update_blocking()
    assert target.contents == {"shared": 1, "a": 1}
