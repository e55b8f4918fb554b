"""Apps: a main function with its arguments, updated, previewed and dropped as a whole."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar

from coco_flow.components import deadline, loops, progress
from coco_flow.components.component import delete
from coco_flow.components.engine import Engine
from coco_flow.components.environment import Environment, LazyEnvironment, default_lazy_env
from coco_flow.components.processor import make_processor
from coco_flow.components.provider import root_registry
from coco_flow.components.readiness import Activity, Completion
from coco_flow.components.settings import max_inflight_components
from coco_flow.components.stats import (
    Stats,
    UpdateSnapshot,
    UpdateStats,
    UpdateStatus,
    report_interval,
)

__all__ = ["App", "AppConfig", "DropHandle", "UpdateHandle", "show_progress"]

P = ParamSpec("P")
R = TypeVar("R")


class _Operation:
    """An update or drop that may run on another loop."""

    def __init__(self, work: Callable[[Stats], Coroutine[Any, Any, Any]]) -> None:
        self.stats = Stats()
        self.done = Completion()
        self._work = work

    async def run(self) -> None:
        """Do the work and complete; on the environment's loop."""
        try:
            result = await self._work(self.stats)
        except BaseException as error:
            self.stats.mark_ready()
            self.done.set(error=error)
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise
        else:
            self.done.set(result)
        finally:
            self.stats.terminate()


class UpdateHandle(Generic[R]):
    """A running update; it starts when it is first awaited or watched."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, _Operation]], preview: bool) -> None:
        self._start = start
        self._preview = preview
        self._operation: _Operation | None = None
        self._starting: asyncio.Future[_Operation] | None = None

    async def _started(self) -> _Operation:
        if self._operation is None:
            self._operation = await self._start()
        return self._operation

    def stats(self) -> UpdateStats | None:
        """Return the statistics, or None if there are none yet."""
        return None if self._operation is None else self._operation.stats.snapshot()

    async def watch(self) -> AsyncIterator[UpdateSnapshot[R]]:
        """Yield snapshots of the statistics, the last one with the result; raises on failure."""
        if self._preview:
            raise TypeError("watch() is not supported when preview=True; await the handle instead.")
        operation = await self._started()
        stats, seen = operation.stats, 0
        while True:
            await stats.wait_change(seen)
            ended, seen = stats.terminated, stats.version
            result = await operation.done.wait() if ended else None
            counts = stats.snapshot()
            if counts is not None:
                status = UpdateStatus.READY if ended or stats.ready else UpdateStatus.RUNNING
                yield UpdateSnapshot(counts, status, result)
            if ended:
                return

    async def result(self) -> R:
        """Wait for the end and return the main function's result, or a preview's actions."""
        operation = await self._started()
        result: R = await operation.done.wait()
        return result

    def __await__(self) -> Generator[Any, None, R]:
        return self.result().__await__()


class DropHandle:
    """A running drop."""

    def __init__(self, operation: _Operation) -> None:
        self._operation = operation

    def stats(self) -> UpdateStats | None:
        """Return the statistics, or None if there are none yet."""
        return self._operation.stats.snapshot()

    def watch(self) -> AsyncIterator[UpdateSnapshot[None]]:
        """Yield snapshots of the statistics until the end."""
        return self._operation.stats.watch()

    async def result(self) -> None:
        """Wait for the end; raises if something could not be removed."""
        await self._operation.done.wait()

    def __await__(self) -> Generator[Any, None, None]:
        return self.result().__await__()


async def show_progress(handle: UpdateHandle[R], *, refresh_interval: timedelta | None = None) -> R:
    """Print the statistics of an update until it ends, and return its result."""
    operation = await handle._started()
    seconds = None if refresh_interval is None else refresh_interval.total_seconds()
    await progress.report(operation.stats, interval=seconds)
    return await handle.result()


@dataclass(frozen=True)
class AppConfig:
    """Name and environment of an app.

    Attributes:
        max_inflight_components: How many components run at a time; see
            COCO_FLOW_MAX_INFLIGHT_COMPONENTS.
    """

    name: str
    environment: Environment | LazyEnvironment = field(default_factory=default_lazy_env)
    max_inflight_components: int | None = None


class App(Generic[P, R]):
    """A main function with its arguments, whose target states are kept up to date."""

    def __init__(
        self,
        name_or_config: str | AppConfig,
        main_fn: Any,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        config = AppConfig(name_or_config) if isinstance(name_or_config, str) else name_or_config
        self.name = config.name
        self.environment = config.environment
        self._main_fn = main_fn
        self._args: tuple[Any, ...] = args
        self._kwargs: dict[str, Any] = kwargs
        self._max_inflight = config.max_inflight_components
        if self._max_inflight is None:
            self._max_inflight = max_inflight_components()
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        config.environment.info.register_app(self.name, self)

    async def engine(self) -> Engine:
        """Return the engine, with the environment started."""
        env = await self.environment.get_env()
        return await loops.on_loop(env.event_loop, self._engine_of(env))

    async def _engine_of(self, env: Environment) -> Engine:
        assert self._max_inflight is not None
        # An environment that was stopped and started again is another one.
        if self._engine is None or self._engine.env is not env:
            self._engine = Engine(env, self.name, self._max_inflight)
        return self._engine

    def update(
        self, *, full_reprocess: bool = False, live: bool = False, preview: bool = False
    ) -> UpdateHandle[R]:
        """Return a handle that runs the app once it is awaited or watched.

        Args:
            full_reprocess: Run everything, without use of stored results.
            live: Stay and follow changes once all has caught up.
            preview: Apply nothing and give the actions that would be applied as the result.
        """
        limit = deadline.current()

        async def start() -> _Operation:
            env = await self.environment.get_env()
            operation = self._operation(limit, full_reprocess, live, preview)
            await loops.on_loop(env.event_loop, self._launch(env, operation))
            return operation

        return UpdateHandle(start, preview)

    def _operation(
        self, limit: deadline.DeadlineContext, full_reprocess: bool, live: bool, preview: bool
    ) -> _Operation:
        async def work(stats: Stats) -> Any:
            assert self._engine is not None
            async with nullcontext() if preview else self._engine.exclusive.held():
                return await self._update(stats, limit, full_reprocess, live, preview)

        return _Operation(work)

    async def _launch(self, env: Environment, operation: _Operation) -> None:
        engine = await self._engine_of(env)
        # Not stopped with the tasks of the update: it ends when they have.
        engine.spawn(operation.run(), detached=True)

    async def _update(
        self,
        stats: Stats,
        limit: deadline.DeadlineContext,
        full_reprocess: bool,
        live: bool,
        preview: bool,
    ) -> Any:
        assert self._engine is not None
        engine = self._engine
        limit.check()
        actions: list[Any] | None = [] if preview else None
        activity = Activity()
        processor = make_processor(self._main_fn, self._args, self._kwargs)
        while True:
            engine.prepare()
            scope = engine.root_scope(
                stats, activity, full_reprocess=full_reprocess, live=live, preview=actions
            )
            completion = await engine.run(scope, processor, limit)
            built = await completion.wait()
            # Live components stay and run when their source changes, so there is no second pass.
            if live or not engine.claims.stale:
                break
            full_reprocess = False
        stats.mark_ready()
        if live:
            await activity.idle()
        limit.check()
        return actions if preview else built.result

    def update_blocking(
        self,
        *,
        report_to_stdout: bool | timedelta = False,
        full_reprocess: bool = False,
        live: bool = False,
        preview: bool = False,
    ) -> Any:
        """Run the app and wait; see `update`.

        Args:
            report_to_stdout: Print statistics, at the interval given or each second.
            full_reprocess: See `update`.
            live: See `update`.
            preview: See `update`.
        """
        env = self.environment.get_env_blocking()
        operation = self._operation(deadline.current(), full_reprocess, live, preview)
        return self._wait(env, operation, report_to_stdout)

    def _wait(
        self, env: Environment, operation: _Operation, report_to_stdout: bool | timedelta
    ) -> Any:
        reported, interval = report_interval(report_to_stdout)

        async def run() -> Any:
            await self._launch(env, operation)
            if reported:
                await progress.report(operation.stats, interval=interval)
            try:
                return await operation.done.wait()
            except asyncio.CancelledError:
                if self._engine is not None:
                    self._engine.cancel()
                raise

        return loops.call_blocking(env.event_loop, run())

    async def drop(self) -> None:
        """Remove all target states of the app and its state; a running update is stopped."""
        env = await self.environment.get_env()
        operation = _Operation(self._drop)
        await loops.on_loop(env.event_loop, self._launch(env, operation))
        await DropHandle(operation)

    def drop_blocking(self, *, report_to_stdout: bool | timedelta = False) -> None:
        """Remove all target states of the app and its state, and wait; see `drop`."""
        env = self.environment.get_env_blocking()
        self._wait(env, _Operation(self._drop), report_to_stdout)

    async def _drop(self, stats: Stats) -> None:
        assert self._engine is not None
        engine = self._engine
        engine.cancel()
        await engine.stopped()
        async with engine.exclusive.held():
            engine.prepare()
            await delete(engine.root, root_registry, stats, _pass_on)
            engine.delete_state()
            await engine.store.store.committed()


async def _pass_on(error: BaseException) -> None:
    """Fail a drop with what could not be removed."""
    raise error
