"""Failures: exception handlers, deadlines and stopping."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components import deadline
from coco_flow.components.engine import cancel_all, reset_global_cancellation
from coco_flow.errors import UpdateAborted
from tests.component_parts import MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


@pytest.fixture
def clock() -> Iterator[Callable[[float], None]]:
    """Advance the clock of deadlines, which stops otherwise."""
    now = 10**12

    def advance(seconds: float) -> None:
        nonlocal now
        now += int(seconds * 10**9)

    deadline.use_clock(lambda: now)
    yield advance
    deadline.use_clock(None)


@pytest.fixture
def uncancelled() -> Iterator[None]:
    yield
    reset_global_cancellation()


def test_a_handler_gets_what_fails_in_the_background(restarted: Make, target: MemoryTarget) -> None:
    reported: list[tuple[str, coco.ExceptionContext]] = []

    @coco.fn
    async def one(key: str) -> None:
        if key == "b":
            raise ValueError(f"cannot read {key}")
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(key, key) for key in "abc"])

    def handler(error: BaseException, context: coco.ExceptionContext) -> None:
        assert isinstance(error, ValueError)
        reported.append((str(error), context))

    restarted(main, exception_handler=handler, name="env").update_blocking()
    assert sorted(target.contents) == ["a", "c"]
    [(message, context)] = reported
    assert message == "cannot read b"
    assert context.stable_path == '/@one/"b"'
    assert context.parent_stable_path == "/"
    assert (context.env_name, context.mount_kind, context.source) == (
        "env", "mount_each", "component",
    )  # fmt: skip
    assert context.processor_name == one.__qualname__  # type: ignore[attr-defined]


def test_an_inner_handler_comes_first_and_may_hand_on(
    restarted: Make, target: MemoryTarget
) -> None:
    reported: list[str] = []

    @coco.fn
    async def fail(text: str) -> None:
        raise ValueError(text)

    async def inner(error: BaseException, context: coco.ExceptionContext) -> None:
        reported.append(f"inner {error}")
        if str(error) == "hard":
            raise LookupError("inner gave up")

    def outer(error: BaseException, context: coco.ExceptionContext) -> None:
        reported.append(f"outer {error} ({context.source}, {context.original_exception})")

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(inner):
            for text in ("easy", "hard"):
                await (await coco.mount(coco.ComponentSubpath(text), fail, text)).ready()
        await coco.mount(coco.ComponentSubpath("outside"), fail, "outside")

    restarted(main, exception_handler=outer).update_blocking()
    assert reported == [
        "inner easy",
        "inner hard",
        "outer inner gave up (handler, hard)",
        "outer outside (component, None)",
    ]


def test_what_no_handler_takes_fails_who_waits(restarted: Make) -> None:
    @coco.fn
    async def fail() -> None:
        raise ValueError("no")

    def handler(error: BaseException, context: coco.ExceptionContext) -> None:
        raise error

    @coco.fn
    async def main() -> str:
        handle = await coco.mount(fail)
        with pytest.raises(ValueError, match="no"):
            await handle.ready()
        return "waited"

    assert restarted(main, exception_handler=handler).update_blocking() == "waited"


def test_a_failed_foreground_component_raises_where_it_is_mounted(restarted: Make) -> None:
    @coco.fn
    def fail() -> None:
        raise ValueError("no")

    @coco.fn
    async def main() -> str:
        with pytest.raises(ValueError, match="no"):
            await coco.use_mount(fail)
        return "caught"

    assert restarted(main).update_blocking() == "caught"


def test_a_deadline_ends_what_is_waited_for(
    restarted: Make, target: MemoryTarget, clock: Callable[[float], None]
) -> None:
    @coco.fn
    async def slow() -> None:
        target.declare("slow", 1)
        clock(5)
        coco.check_cancellation()

    @coco.fn
    async def main() -> None:
        target.declare("main", 1)
        with coco.timeout(timedelta(seconds=10)):
            await coco.use_mount(coco.ComponentSubpath(1), slow)
        with pytest.raises(coco.DeadlineExceededError), coco.timeout(timedelta(seconds=3)):
            await coco.use_mount(coco.ComponentSubpath(2), slow)

    restarted(main).update_blocking()
    # What ended with the deadline declared nothing.
    assert target.contents == {"main": 1, "slow": 1}


def test_a_deadline_of_the_update_ends_it(
    restarted: Make, target: MemoryTarget, clock: Callable[[float], None]
) -> None:
    @coco.fn
    def main() -> None:
        target.declare("main", 1)
        clock(60)

    with pytest.raises(coco.DeadlineExceededError), coco.timeout(timedelta(seconds=30)):
        restarted(main).update_blocking()
    assert target.contents == {}


def test_stopping_the_program_ends_updates(
    restarted: Make, target: MemoryTarget, uncancelled: None
) -> None:
    started = threading.Event()
    cleaned = threading.Event()

    @coco.fn
    async def main() -> None:
        target.declare("a", 1)
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    program = restarted(main)
    failure: list[BaseException] = []

    def update() -> None:
        try:
            program.update_blocking()
        except UpdateAborted as error:
            failure.append(error)

    thread = threading.Thread(target=update)
    thread.start()
    assert started.wait(30)
    cancel_all()
    thread.join(30)
    assert cleaned.is_set()
    assert len(failure) == 1
    assert target.contents == {}
    with pytest.raises(UpdateAborted, match="program is stopping"):
        program.update_blocking()


def test_what_outlives_its_component_can_declare_nothing(
    restarted: Make, target: MemoryTarget
) -> None:
    release = threading.Event()
    refused: list[str] = []

    def late(context: coco.ComponentContext) -> None:
        release.wait(30)
        with context.attach():
            try:
                target.declare("late", 1)
            except RuntimeError as error:
                refused.append(str(error))

    threads: list[threading.Thread] = []

    @coco.fn
    def main() -> None:
        thread = threading.Thread(target=late, args=(coco.get_component_context(),))
        thread.start()
        threads.append(thread)

    restarted(main).update_blocking()
    release.set()
    threads[0].join()
    assert "has ended" in refused[0]
    assert target.contents == {}


def test_all_calls_of_a_map_end_before_the_first_failure_is_raised(restarted: Make) -> None:
    ended: list[int] = []

    async def call(number: int) -> int:
        for _ in range(number):
            await asyncio.sleep(0)
        ended.append(number)
        if number in {2, 5}:
            raise ValueError(number)
        return number

    @coco.fn
    async def main() -> list[int]:
        with pytest.raises(ValueError, match=r"^2$"):
            await coco.map(call, range(8))
        return await coco.map(call, (6, 1))

    assert restarted(main).update_blocking() == [6, 1]
    assert sorted(ended) == [0, 1, 1, 2, 3, 4, 5, 6, 6, 7]


def test_no_more_components_run_at_a_time_than_allowed(
    tmp_path: Path, environment: coco.Environment, target: MemoryTarget
) -> None:
    running = most = 0

    @coco.fn
    async def leaf(key: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        target.declare(key, 1)

    @coco.fn
    async def branch(key: str) -> None:
        # A component gives up its place while it waits for those inside it.
        await coco.use_mount(coco.ComponentSubpath("leaf"), leaf, key)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(branch, [(str(n), str(n)) for n in range(20)])

    config = coco.AppConfig("app", environment, max_inflight_components=3)
    coco.App(config, main).update_blocking()
    assert len(target.contents) == 20
    assert most <= 3
