from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components import exclusive
from coco_flow.components.environment import reset_default_env
from coco_flow.errors import FlowConflict
from tests.component_parts import MemoryTarget

NAME: coco.ContextKey[str] = coco.ContextKey("test_environments_name")
FIRST: coco.ContextKey[str] = coco.ContextKey("test_environments_first")
SECOND: coco.ContextKey[str] = coco.ContextKey("test_environments_second")
Make = Callable[..., coco.App[Any, Any]]


@pytest.fixture
def default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The default environment, with its state in a folder of its own."""
    monkeypatch.setenv("COCO_FLOW_DB", str(tmp_path / "state"))
    yield tmp_path / "state"
    reset_default_env()


def use_name() -> str:
    return coco.use_context(NAME)


def test_a_lifespan_provides_values_and_cleans_up(default: Path) -> None:
    events: list[str] = []

    @contextmanager
    def opened() -> Iterator[str]:
        events.append("open")
        yield "plain"
        events.append("close")

    @asynccontextmanager
    async def opened_async() -> AsyncIterator[str]:
        events.append("open async")
        yield "async"
        events.append("close async")

    @coco.lifespan
    async def lifespan(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
        name = builder.provide_with(FIRST, opened())
        name += " " + await builder.provide_async_with(SECOND, opened_async())
        builder.provide(NAME, name)
        events.append("start")
        yield
        events.append("end")

    program: coco.App[Any, Any] = coco.App("first", use_name)
    with coco.runtime():
        assert program.update_blocking() == "plain async"
        assert (default / "components.sqlite").exists()
    assert events == ["open", "open async", "start", "close async", "close", "end"]
    # It starts again when it is needed again.
    assert program.update_blocking() == "plain async"
    coco.stop_blocking()
    assert len(events) == 12


def test_the_default_environment_runs_on_the_loop_that_starts_it(default: Path) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    @coco.lifespan
    def lifespan(builder: coco.EnvironmentBuilder) -> Iterator[None]:
        builder.provide(NAME, "x")
        yield

    @coco.fn
    async def main() -> str:
        loops.append(asyncio.get_running_loop())
        return coco.use_context(NAME)

    async def script() -> None:
        async with coco.runtime():
            program: coco.App[Any, Any] = coco.App("second", main)
            assert await program.update() == "x"
            assert (await coco.default_env()).get_context(NAME) == "x"
            assert loops == [asyncio.get_running_loop()]
            with pytest.raises(RuntimeError, match="would stop the event loop"):
                program.update_blocking()

    asyncio.run(script())


def test_a_lifespan_that_fails_leaves_nothing_open(default: Path) -> None:
    events: list[str] = []

    @contextmanager
    def opened() -> Iterator[str]:
        yield "x"
        events.append("close")

    @coco.lifespan
    def lifespan(builder: coco.EnvironmentBuilder) -> Iterator[None]:
        builder.provide_with(NAME, opened())
        builder.settings.db_path = None
        yield

    with pytest.raises(FileNotFoundError), pytest.MonkeyPatch.context() as patch:
        patch.setattr("coco_flow.components.environment.Store", _missing)
        coco.start_blocking()
    assert events == ["close"]


def _missing(*_: Any) -> Any:
    raise FileNotFoundError("no such folder")


def test_a_value_that_nobody_provides_is_named(restarted: Make) -> None:
    with pytest.raises(KeyError, match="test_environments_name"):
        restarted(use_name).update_blocking()


def test_functions_in_threads_and_on_the_loop_see_the_component(
    restarted: Make, target: MemoryTarget
) -> None:
    threads: set[str] = set()

    @coco.fn
    def plain(key: str) -> None:
        threads.add(threading.current_thread().name)
        target.declare(key, coco.use_context(NAME))

    @coco.fn
    async def asynchronous(key: str) -> None:
        await asyncio.to_thread(target.declare, key, coco.use_context(NAME))

    @coco.fn
    async def main() -> None:
        await coco.mount(coco.ComponentSubpath("a"), plain, "a")
        await coco.mount(coco.ComponentSubpath("b"), asynchronous, "b")
        await coco.use_mount(coco.ComponentSubpath("c"), plain, "c")

    provider = coco.ContextProvider()
    provider.provide(NAME, "value")
    restarted(main, context_provider=provider).update_blocking()
    assert target.contents == dict.fromkeys("abc", "value")
    assert "coco-flow-loop" not in threads
    assert threading.current_thread().name not in threads


def test_updates_of_one_app_at_a_time_end_in_the_same_state(
    restarted: Make, target: MemoryTarget
) -> None:
    @coco.fn
    async def one(key: str) -> None:
        await asyncio.sleep(0)
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(str(n), str(n)) for n in range(30)])

    program = restarted(main)
    failures: list[BaseException] = []

    def update() -> None:
        try:
            program.update_blocking()
        except Exception as error:  # noqa: BLE001 - a test looks at it
            failures.append(error)

    threads = [threading.Thread(target=update) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(target.contents) == 30
    target.actions()
    restarted(main).update_blocking()
    assert target.actions() == []


def test_updates_of_several_processes_come_one_after_another(
    tmp_path: Path, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = threading.Event()
    release = threading.Event()
    ran: list[str] = []

    def main(name: str) -> None:
        started.set()
        release.wait(30)
        ran.append(name)
        target.declare("a", name)

    # Another environment stands for another process: it has a lock of its own.
    settings = coco.Settings(db_path=tmp_path / "state")
    first, second = coco.Environment(settings), coco.Environment(settings)
    held: coco.App[Any, Any] = coco.App(coco.AppConfig("app", first), main, "first")
    waiting: coco.App[Any, Any] = coco.App(coco.AppConfig("app", second), main, "second")
    other: coco.App[Any, Any] = coco.App(coco.AppConfig("other", second), lambda: "free")
    threads = [threading.Thread(target=held.update_blocking)]
    threads[0].start()
    assert started.wait(30)
    with monkeypatch.context() as patch:
        patch.setattr(exclusive, "WAIT_SECONDS", 0.0)
        with pytest.raises(FlowConflict, match="'app' is being updated by another process"):
            waiting.update_blocking()
        with pytest.raises(FlowConflict):
            waiting.drop_blocking()
    assert other.update_blocking() == "free"
    threads.append(threading.Thread(target=waiting.update_blocking))
    threads[1].start()
    release.set()
    for thread in threads:
        thread.join(30)
    assert ran == ["first", "second"]
    assert target.contents == {"a": "second"}
    first.close()
    second.close()
