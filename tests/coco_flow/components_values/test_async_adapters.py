from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

import pytest

from coco_flow.components.connectorkits import SingleWatcherGuard, default_subpath_name
from coco_flow.components.connectorkits.async_adapters import (
    async_to_sync_iter,
    sync_to_async_iter,
)

setting = ContextVar("setting", default="none")


async def listed(items: AsyncIterator[object]) -> list[object]:
    return [item async for item in items]


def test_a_blocking_iterator_runs_in_one_other_thread_with_the_context() -> None:
    seen: set[tuple[int, str]] = set()

    def numbers() -> Iterator[int]:
        for number in range(5000):
            seen.add((threading.get_ident(), setting.get()))
            yield number

    async def main() -> list[object]:
        setting.set("here")
        return await listed(sync_to_async_iter(numbers, max_queue_size=7))

    assert asyncio.run(main()) == list(range(5000))
    assert len(seen) == 1
    assert seen.pop() != (threading.get_ident(), "none")


def test_items_before_a_failure_arrive_and_then_the_failure() -> None:
    def numbers() -> Iterator[int]:
        yield from range(3)
        raise LookupError("no more")

    async def main() -> None:
        got: list[int] = []
        with pytest.raises(LookupError, match="no more"):
            async for number in sync_to_async_iter(numbers):
                got += [number]
        assert got == [0, 1, 2]

    asyncio.run(main())


def test_a_consumer_that_leaves_closes_the_iterator() -> None:
    closed = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    async def main() -> None:
        items = sync_to_async_iter(numbers, max_queue_size=2)
        assert await anext(items) == 0
        await items.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())
    assert closed.wait(5)


def test_the_loop_goes_on_while_an_iterator_blocks() -> None:
    go = threading.Event()

    def numbers() -> Iterator[int]:
        assert go.wait(5)
        yield 1

    async def main() -> list[object]:
        items = asyncio.create_task(listed(sync_to_async_iter(numbers)))
        await asyncio.sleep(0)
        go.set()
        return await items

    assert asyncio.run(main()) == [1]


def test_an_async_iterator_can_be_used_without_a_loop() -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(100):
            await asyncio.sleep(0)
            yield number

    assert list(async_to_sync_iter(numbers, max_queue_size=3)) == list(range(100))

    async def broken() -> AsyncIterator[int]:
        yield 1
        raise LookupError("no more")

    got: list[int] = []
    with pytest.raises(LookupError):
        for number in async_to_sync_iter(broken):
            got += [number]
    assert got == [1]


def test_a_running_loop_is_not_blocked() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    async def main() -> None:
        with pytest.raises(RuntimeError, match="running event loop"):
            next(async_to_sync_iter(numbers))

    asyncio.run(main())


def test_one_watcher_at_a_time() -> None:
    guard = SingleWatcherGuard("feed")
    with guard, pytest.raises(RuntimeError, match="feed supports a single active watch"), guard:
        pass
    with guard:
        pass


def test_the_default_name_is_that_of_the_wrapped_function() -> None:
    def work() -> None: ...

    assert default_subpath_name(work) == "work"
    work.__coco_subpath_name__ = "inner"  # type: ignore[attr-defined]
    assert default_subpath_name(work) == "inner"
    assert default_subpath_name(3) is None
