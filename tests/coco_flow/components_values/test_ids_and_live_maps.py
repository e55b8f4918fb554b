from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.connectors import localfs
from coco_flow.components.ids import IdGenerator, UuidGenerator, generate_id, generate_uuid
from coco_flow.components.live_map import EntryAction, LiveMap, apply_entry_actions


def test_ids_stay_the_same_in_every_run_and_differ_where_asked(app: Callable[..., Any]) -> None:
    runs: list[Any] = []
    items = ["x", "y", "x"]

    @coco.fn
    async def main() -> None:
        numbers, uuids = IdGenerator("page"), UuidGenerator("page")
        runs.append(
            (
                [await generate_id(item) for item in items],
                [await numbers.next_id(item) for item in items],
                [generate_uuid(item) for item in items],
                [uuids.next_uuid(item) for item in items],
            )
        )

    program = app(main)
    program.update_blocking()
    program.update_blocking()
    first, second = runs
    assert first == second
    by_value, numbered, uuid_by_value, uuids = first
    assert by_value[0] == by_value[2] != by_value[1]
    assert uuid_by_value[0] == uuid_by_value[2]
    assert len(set(numbered)) == len(set(uuids)) == 3
    assert not set(by_value) & set(numbered)
    assert all(isinstance(each, uuid.UUID) for each in uuids)
    # One more at the end leaves the others alone.
    items.append("x")
    program.update_blocking()
    assert runs[2][1][:3] == numbered
    assert len(set(runs[2][1])) == 4


def test_generators_are_no_arguments_of_memoized_functions(app: Callable[..., Any]) -> None:
    @coco.fn(memo=True)
    async def use(generator: UuidGenerator) -> None: ...

    @coco.fn
    async def main() -> None:
        await use(UuidGenerator())

    with pytest.raises(TypeError, match="UuidGenerator cannot be used as a memoization key"):
        app(main).update_blocking()


def test_a_map_is_filled_by_some_components_and_followed_by_others(
    tmp_path: Path, app: Callable[..., Any]
) -> None:
    wanted = {"a": "1", "b": "2"}

    @coco.fn
    async def produce(entries: LiveMap[str, str]) -> None:
        for key, value in wanted.items():
            entries.declare_entry(key, value)

    @coco.fn
    async def consume(value: str) -> None:
        localfs.declare_file(tmp_path / "out" / value, value, create_parent_dirs=True)

    @coco.fn
    async def main() -> None:
        entries: LiveMap[str, str] = await LiveMap.create()
        await (await coco.mount(produce, entries)).ready()
        await coco.mount_each(consume, entries)

    def written() -> set[str]:
        return {path.name for path in (tmp_path / "out").iterdir()}

    program = app(main)
    program.update_blocking()
    assert written() == {"1", "2"}
    wanted.pop("a")
    wanted["c"] = "3"
    program.update_blocking()
    assert written() == {"2", "3"}


def test_a_watcher_gets_each_change_once_and_no_equal_value() -> None:
    class Handle:
        async def ready(self) -> None: ...

    class Subscriber:
        def __init__(self, entries: LiveMap[str, int]) -> None:
            self.entries = entries
            self.snapshot: dict[str, int] = {}
            self.changes: list[tuple[str, int | None]] = []
            self.ready = asyncio.Event()
            self.go = asyncio.Event()
            self.ended = asyncio.Event()

        async def update_all(self) -> None:
            await self.go.wait()
            self.snapshot = {key: value async for key, value in self.entries}

        async def mark_ready(self) -> None:
            self.ready.set()

        async def update(self, key: str, value: int) -> Handle:
            self.changes.append((key, value))
            return Handle()

        async def delete(self, key: str) -> Handle:
            self.changes.append((key, None))
            self.ended.set()
            return Handle()

    async def main() -> None:
        entries: LiveMap[str, int] = LiveMap()
        provider: Any = None

        async def apply(key: str, value: int | None) -> None:
            action = EntryAction(entries, key, value, value is None)
            await apply_entry_actions(provider, [action])

        subscriber: Any = Subscriber(entries)
        watch = asyncio.create_task(entries.watch(subscriber))
        await asyncio.sleep(0)
        # Between the start of the watch and its snapshot.
        await apply("a", 1)
        subscriber.go.set()
        await subscriber.ready.wait()
        with pytest.raises(RuntimeError, match="single active watch"):
            await entries.watch(subscriber)
        for key, value in (("a", 1), ("a", 2), ("b", 3), ("a", None), ("c", None)):
            await apply(key, value)
        await subscriber.ended.wait()
        assert subscriber.snapshot == {"a": 1}
        assert subscriber.changes == [("a", 2), ("b", 3), ("a", None)]
        watch.cancel()

    asyncio.run(main())
