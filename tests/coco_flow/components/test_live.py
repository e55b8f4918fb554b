from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.errors import UpdateAborted
from tests.component_parts import MemoryTarget


class Feed:
    """Items by key that a test changes while an app follows them."""

    def __init__(self, **items: Any) -> None:
        self.items: dict[str, Any] = items
        self.subscriber: coco.LiveMapSubscriber[str, Any] | None = None
        self.subscribed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        for item in self.items.items():
            yield item

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        await subscriber.update_all()
        await subscriber.mark_ready()
        self.subscriber = subscriber
        self.subscribed.set()
        await asyncio.Event().wait()

    async def set(self, key: str, value: Any) -> coco.ComponentMountHandle:
        assert self.subscriber is not None
        self.items[key] = value
        return await self.subscriber.update(key, value)

    async def delete(self, key: str) -> coco.ComponentMountHandle:
        assert self.subscriber is not None
        del self.items[key]
        return await self.subscriber.delete(key)


def run(folder: Path, script: Callable[[coco.Environment], Awaitable[None]]) -> None:
    """Run a script with an environment on its own loop."""

    async def main() -> None:
        environment = coco.Environment(coco.Settings(db_path=folder / "state"))
        try:
            await script(environment)
        finally:
            environment.close()

    asyncio.run(main())


async def ended(handle: coco.UpdateHandle[Any], update: asyncio.Task[Any]) -> None:
    """Stop an update that runs live."""
    update.cancel()
    await asyncio.wait([update])


def test_a_feed_is_followed(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        feed = Feed(a=1, b=2)
        ran: list[Any] = []

        @coco.fn(memo=True)
        async def one(value: int, key: str) -> None:
            ran.append(value)
            if value == 13:
                raise ValueError("unlucky")
            target.declare(value, key)

        @coco.fn
        async def main() -> None:
            await coco.mount_each(one, feed, "x")

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        handle = program.update(live=True)
        update = asyncio.ensure_future(handle)
        await feed.subscribed.wait()
        assert target.contents == {1: "x", 2: "x"}
        await (await feed.set("c", 3)).ready()
        await (await feed.set("a", 10)).ready()
        assert target.contents == {10: "x", 2: "x", 3: "x"}
        await (await feed.delete("b")).ready()
        assert target.contents == {10: "x", 3: "x"}
        # A failing item leaves what it had, and the feed goes on.
        await (await feed.set("c", 13)).ready()
        await (await feed.set("d", 4)).ready()
        assert target.contents == {10: "x", 3: "x", 4: "x"}
        assert ran == [1, 2, 3, 10, 13, 4]
        stats = handle.stats()
        assert stats is not None
        assert stats.total.num_errors == 1
        assert not update.done()
        await ended(handle, update)
        # The next update goes on from there.
        feed.items["c"] = 3
        await program.update()
        assert target.contents == {10: "x", 3: "x", 4: "x"}
        assert ran == [1, 2, 3, 10, 13, 4, 3]

    run(tmp_path, script)


def test_without_live_mode_a_feed_is_read_once(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        feed = Feed(a=1)

        @coco.fn
        async def one(value: int) -> None:
            target.declare(value, value)

        @coco.fn
        async def main() -> None:
            await coco.mount_each(one, feed)

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        await program.update()
        assert target.contents == {1: 1}
        assert not feed.subscribed.is_set()

    run(tmp_path, script)


def test_only_the_last_of_many_changes_of_an_item_is_processed(
    tmp_path: Path, target: MemoryTarget
) -> None:
    async def script(environment: coco.Environment) -> None:
        feed = Feed()
        release = asyncio.Event()
        ran: list[int] = []
        at_once = 0

        @coco.fn
        async def one(value: int) -> None:
            nonlocal at_once
            at_once += 1
            assert at_once == 1
            ran.append(value)
            await release.wait()
            target.declare("a", value)
            at_once -= 1

        @coco.fn
        async def main() -> None:
            await coco.mount_each(one, feed)

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        handle = program.update(live=True)
        update = asyncio.ensure_future(handle)
        await feed.subscribed.wait()
        handles = [await feed.set("a", number) for number in range(20)]
        release.set()
        for each in handles:
            await each.ready()
        assert target.contents == {"a": 19}
        assert ran[-1] == 19
        assert len(ran) <= 2
        await ended(handle, update)

    run(tmp_path, script)


class Counter:
    """A live component with a committed state."""

    def __init__(self, events: asyncio.Queue[str], seen: list[Any], declare: Any) -> None:
        self.events = events
        self.seen = seen
        self.declare = declare

    async def process(self) -> None:
        self.declare("process", len(self.seen))

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        self.seen.append(await operator.read_committed_state("at"))
        await operator.update_full()
        await operator.mark_ready()
        while True:
            event = await self.events.get()
            await operator.write_committed_state("at", event)
            self.seen.append(event)
            await operator.update_full()
            self.events.task_done()


def test_a_live_component_keeps_its_place(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        events: asyncio.Queue[str] = asyncio.Queue()
        seen: list[Any] = []

        @coco.fn
        async def main() -> None:
            await coco.mount(coco.ComponentSubpath("live"), Counter, events, seen, target.declare)

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        handle = program.update(live=True)
        update = asyncio.ensure_future(handle)
        await events.put("one")
        await events.put("two")
        await events.join()
        assert target.contents == {"process": 3}
        await ended(handle, update)
        await program.update()
        assert seen == [None, "one", "two", "two"]

    run(tmp_path, script)


def test_process_live_may_not_mount(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        class Wrong:
            async def process(self) -> None: ...

            async def process_live(self, operator: coco.LiveComponentOperator) -> None:
                await coco.mount(coco.ComponentSubpath("x"), lambda: None)

        @coco.fn
        async def main() -> None:
            await coco.mount(Wrong)

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        with pytest.raises(RuntimeError, match="not allowed inside process_live"):
            await program.update()

    run(tmp_path, script)


def test_a_function_is_called_again_and_again(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        calls = 0
        thrice = asyncio.Event()

        def refresh(key: str) -> None:
            nonlocal calls
            calls += 1
            target.declare(key, calls)
            if calls == 3:
                thrice.set()

        @coco.fn
        async def main() -> None:
            await coco.mount(coco.auto_refresh(refresh, interval=timedelta(milliseconds=1)), "a")

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        await program.update()
        assert calls == 1
        handle = program.update(live=True)
        update = asyncio.ensure_future(handle)
        async with asyncio.timeout(30):
            await thrice.wait()
        await ended(handle, update)
        assert target.contents["a"] >= 2

    run(tmp_path, script)


def test_watching_an_update_ends_with_its_result(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        @coco.fn
        async def one(key: str) -> None:
            target.declare(key, key)

        @coco.fn
        async def main() -> str:
            await coco.mount_each(one, [(key, key) for key in "abc"])
            return "done"

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        snapshots = [snapshot async for snapshot in program.update().watch()]
        last = snapshots[-1]
        assert last.result == "done"
        assert last.status is coco.UpdateStatus.READY
        counts = last.stats.by_component
        assert counts[main.__qualname__].num_adds == 1  # type: ignore[attr-defined]
        assert counts[one.__qualname__].num_adds == 3  # type: ignore[attr-defined]
        assert last.stats.total.num_finished == last.stats.total.num_execution_starts == 4
        assert last.stats.total.num_in_progress == 0

    run(tmp_path, script)


def test_dropping_stops_what_runs_live(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        feed = Feed(a=1, b=2)

        @coco.fn
        async def one(value: int) -> None:
            target.declare(value, value)

        @coco.fn
        async def main() -> None:
            await coco.mount_each(one, feed)

        program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), main)
        update = asyncio.ensure_future(program.update(live=True))
        await feed.subscribed.wait()
        await program.drop()
        assert target.contents == {}
        with pytest.raises(UpdateAborted):
            await update

    run(tmp_path, script)


def test_a_preview_over_a_feed_applies_nothing(tmp_path: Path, target: MemoryTarget) -> None:
    async def script(environment: coco.Environment) -> None:
        feed = Feed(a=("a", 1), b=("b", 2))

        @coco.fn(memo=True)
        async def one(item: tuple[str, int]) -> None:
            target.declare(*item)

        @coco.fn
        async def main() -> None:
            await coco.mount_each(one, feed)

        app = coco.App(coco.AppConfig(name="preview", environment=environment), main)
        actions = await app.update(preview=True)
        assert sorted(action.key for action in actions) == ["a", "b"]
        assert target.contents == {}
        await app.update()
        feed.items["a"] = ("a", 3)
        assert [(a.key, a.value) for a in await app.update(preview=True)] == [("a", 3)]
        assert target.contents == {"a": 1, "b": 2}
        del feed.items["b"]
        await app.update(preview=True)
        assert target.contents == {"a": 1, "b": 2}

    run(tmp_path, script)
