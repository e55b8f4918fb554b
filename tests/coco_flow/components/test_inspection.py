from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.inspection import (
    StablePathNodeType,
    get_stable_path_detail,
    iter_stable_path_details,
    iter_stable_paths,
    iter_target_states,
    list_app_names,
    query_stable_path_details,
)
from tests.component_parts import MemoryTables, MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


@coco.fn(memo=True)
async def row(key: str, table: Any, target: MemoryTarget) -> None:
    with coco.component_subpath("rows"):
        await coco.mount(coco.ComponentSubpath(key), leaf, key, table)
    target.declare(key, 1)


@coco.fn
async def leaf(key: str, table: Any) -> None:
    coco.declare_target_state(table.target_state(key, key))


@pytest.fixture
def program(restarted: Make) -> coco.App[Any, Any]:
    """An app that ran once: a table with rows two levels down, and other states."""
    tables, target = MemoryTables(), MemoryTarget()

    @coco.fn
    async def main() -> None:
        table = await coco.mount_target(tables.table("t"))
        for key in "ab":
            await coco.mount(coco.ComponentSubpath("parts", key), row, key, table, target)

    made = restarted(main)
    # The memo key of a target in memory is its name.
    coco.register_memo_key_function(MemoryTarget, lambda _: "target")
    made.update_blocking()
    return made


def test_paths_with_their_types(program: coco.App[Any, Any]) -> None:
    async def collect() -> dict[str, StablePathNodeType]:
        return {str(info.path): info.node_type async for info in iter_stable_paths(program)}

    found = asyncio.run(collect())
    component, directory = StablePathNodeType.COMPONENT, StablePathNodeType.DIRECTORY
    parts = {path: kind for path, kind in found.items() if "parts" in path}
    assert parts == {
        '/"parts"': directory,
        '/"parts"/"a"': component,
        '/"parts"/"a"/"rows"': directory,
        '/"parts"/"a"/"rows"/"a"': component,
        '/"parts"/"b"': component,
        '/"parts"/"b"/"rows"': directory,
        '/"parts"/"b"/"rows"/"b"': component,
    }
    assert found["/"] is component


def test_what_is_stored_about_a_component(program: coco.App[Any, Any]) -> None:
    path = coco.ROOT_PATH / "parts" / "a"
    detail = asyncio.run(get_stable_path_detail(program, path))
    assert detail is not None
    assert (detail.path, detail.processor_name, detail.has_memoization) == (path, "row", True)
    assert detail.target_state_count == len(detail.target_state_items) == 1
    [item] = detail.target_state_items
    assert item.key == "a"
    assert re.fullmatch(r'/@coco_flow_tests/memory\d+/"a"', item.target_state_path)
    assert [(state.version, state.state) for state in item.states] == [(1, "Existing")]
    nothing = asyncio.run(get_stable_path_detail(program, coco.ROOT_PATH / "nowhere"))
    assert nothing is not None
    assert (nothing.target_state_count, nothing.processor_name) == (0, "")


def test_details_around_a_path(program: coco.App[Any, Any]) -> None:
    def paths(**arguments: bool) -> list[str]:
        path = coco.ROOT_PATH / "parts" / "a"
        details = asyncio.run(query_stable_path_details(program, path, **arguments))
        return [str(detail.path) for detail in details]

    assert paths() == ['/"parts"/"a"']
    assert paths(include_parents=True) == ["/", '/"parts"', '/"parts"/"a"']
    assert paths(include_children=True) == ['/"parts"/"a"', '/"parts"/"a"/"rows"']
    assert paths(include_children=True, recursive=True) == [
        '/"parts"/"a"', '/"parts"/"a"/"rows"', '/"parts"/"a"/"rows"/"a"',
    ]  # fmt: skip


def test_target_states_with_their_owners(program: coco.App[Any, Any]) -> None:
    async def collect() -> list[tuple[str, str, bool]]:
        return [
            (entry.readable_path, str(entry.owner_component_path), entry.dangling)
            async for entry in iter_target_states(program)
        ]

    found = sorted(asyncio.run(collect()))
    rows = [entry for entry in found if "tables" in entry[0]]
    assert [(re.sub(r"\d+", "", path), dangling) for path, _, dangling in rows] == [
        ('/@coco_flow_tests/tables/"t"', False),
        ('/@coco_flow_tests/tables/"t"/"a"', False),
        ('/@coco_flow_tests/tables/"t"/"b"', False),
    ]
    assert [owner for _, owner, _ in rows[1:]] == [
        '/"parts"/"a"/"rows"/"a"', '/"parts"/"b"/"rows"/"b"',
    ]  # fmt: skip
    assert len(found) == 5


def test_an_app_that_never_ran_has_nothing(environment: coco.Environment) -> None:
    program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), lambda: None)

    async def collect() -> list[Any]:
        return [detail async for detail in iter_stable_path_details(program)]

    assert asyncio.run(collect()) == []
    program.update_blocking()
    assert list_app_names(environment) == ["app"]


def test_progress_is_printed(
    restarted: Make, target: MemoryTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    @coco.fn
    async def one(key: str) -> None:
        if key == "c":
            raise ValueError("no")
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(key, key) for key in "abc"])

    restarted(main).update_blocking(report_to_stdout=True)
    lines = capsys.readouterr().out.splitlines()
    end = lines.index("[Stats] (terminated)")
    assert lines[end + 1].endswith("main: 1 total | 1 added")
    assert lines[end + 2].endswith("one: 3 total | 2 added, 1 ⚠️ errors")
    assert re.fullmatch(r"⏳ Elapsed: \d+\.\ds", lines[end + 3])
    with pytest.raises(ValueError, match="positive duration"):
        restarted(main).update_blocking(report_to_stdout=timedelta(0))
    capsys.readouterr()
    restarted(main).update_blocking()
    assert capsys.readouterr().out == ""


def test_a_group_counts_what_is_mounted_in_it(restarted: Make, target: MemoryTarget) -> None:
    @coco.fn
    async def one(key: str) -> None:
        target.declare(key, 1)

    @coco.fn
    async def main() -> tuple[Any, Any]:
        with coco.stats_group("files") as group:
            await coco.mount_each(one, [(key, key) for key in "ab"])
        await coco.mount(coco.ComponentSubpath("outside"), one, "c")
        last = [snapshot async for snapshot in group.watch()][-1]
        return group.stats(), last

    stats, last = restarted(main).update_blocking()
    name = one.__qualname__  # type: ignore[attr-defined]
    assert stats.by_component[name].num_adds == 2
    assert set(stats.by_component) == {name}
    assert last.status is coco.UpdateStatus.READY
    assert target.contents == dict.fromkeys("abc", 1)
