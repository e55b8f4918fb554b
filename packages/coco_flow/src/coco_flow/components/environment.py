"""Environments: the state file, the loop and the context values that apps share."""

from __future__ import annotations

import asyncio
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from inspect import isasyncgenfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from coco_flow.components import loops
from coco_flow.components.context import ContextKey, ContextProvider
from coco_flow.components.settings import DB_VARIABLE, Settings, default_db_path
from coco_flow.components.store import Store
from coco_flow.components.workers import Workers
from coco_flow.setting import environment_variable

if TYPE_CHECKING:
    from coco_flow.components.app import App
    from coco_flow.components.commit.sinks import SinkQueue
    from coco_flow.components.scope import ExceptionHandler
    from coco_flow.components.target_state import TargetActionSink

__all__ = [
    "Environment",
    "EnvironmentBuilder",
    "EnvironmentInfo",
    "LazyEnvironment",
    "LifespanFn",
    "default_env",
    "environment_infos",
    "lifespan",
    "reset_default_env",
    "runtime",
    "start",
    "start_blocking",
    "stop",
    "stop_blocking",
]

T = TypeVar("T")


class EnvironmentBuilder:
    """What a lifespan function fills in."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_env()
        self.context_provider = ContextProvider()
        self.exception_handler: ExceptionHandler | None = None

    def provide(self, key: ContextKey[T], value: T) -> T:
        """Provide a context value."""
        return self.context_provider.provide(key, value)

    def provide_with(self, key: ContextKey[T], cm: AbstractContextManager[T]) -> T:
        """Provide the value of a context manager, which is left when the environment stops."""
        return self.context_provider.provide_with(key, cm)

    async def provide_async_with(self, key: ContextKey[T], cm: AbstractAsyncContextManager[T]) -> T:
        """Provide the value of an async context manager, left when the environment stops."""
        return await self.context_provider.provide_async_with(key, cm)

    def set_exception_handler(self, handler: ExceptionHandler) -> None:
        """Set what is called when a component that was mounted in the background fails."""
        self.exception_handler = handler


LifespanFn: TypeAlias = (
    Callable[[EnvironmentBuilder], Iterator[None]]
    | Callable[[EnvironmentBuilder], AsyncIterator[None]]
)
"""A generator function that sets an environment up, yields, and cleans up."""

_infos: list[EnvironmentInfo] = []
_infos_lock = threading.Lock()


class EnvironmentInfo:
    """The apps of one environment, known before it is started."""

    def __init__(self, env: Environment | LazyEnvironment) -> None:
        self._env = weakref.ref(env)
        self._apps: weakref.WeakValueDictionary[str, App[Any, Any]] = weakref.WeakValueDictionary()
        with _infos_lock:
            _infos[:] = [info for info in _infos if info.env is not None]
            _infos.append(self)

    def register_app(self, name: str, app: App[Any, Any]) -> None:
        """Take an app in; its name must be new."""
        with _infos_lock:
            if name in self._apps:
                raise ValueError(
                    f"An app named {name!r} is already registered in this environment."
                )
            self._apps[name] = app

    def get_apps(self) -> list[App[Any, Any]]:
        """Return the apps."""
        with _infos_lock:
            return list(self._apps.values())

    @property
    def env(self) -> Environment | LazyEnvironment | None:
        """The environment, or None if it is gone."""
        return self._env()

    @property
    def env_name(self) -> str | None:
        """The environment's name, or None if it is gone."""
        env = self.env
        return None if env is None else env.name


def environment_infos() -> list[EnvironmentInfo]:
    """Return the environments of the program, started or not."""
    with _infos_lock:
        return [info for info in _infos if info.env is not None]


class Environment:
    """A started environment.

    Attributes:
        store: The state file.
        workers: Threads for plain functions.
        sinks: Queues of actions, by sink, as long as they are busy.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str | None = None,
        context_provider: ContextProvider | None = None,
        event_loop: asyncio.AbstractEventLoop | None = None,
        exception_handler: ExceptionHandler | None = None,
        info: EnvironmentInfo | None = None,
    ) -> None:
        if not settings.db_path:
            raise ValueError(
                "Settings.db_path must be provided: the folder in which the state is kept."
            )
        self.name = name or ""
        self.settings = settings
        self.context_provider = context_provider or ContextProvider()
        self.exception_handler = exception_handler
        self.event_loop = event_loop or loops.current_or_background_loop()
        if not self.event_loop.is_running():
            loops.run_in_thread(self.event_loop)
        self.store = Store(Path(settings.db_path), self.event_loop)
        self.workers = Workers(self.event_loop)
        self.sinks: dict[TargetActionSink[Any, Any], SinkQueue] = {}
        self.info = info or EnvironmentInfo(self)
        # Closes the file also when the environment is just dropped.
        weakref.finalize(self, _close_store, self.store, self.event_loop)

    def get_context(self, key: ContextKey[T]) -> T:
        """Return a context value outside of components, such as for serving."""
        return self.context_provider.get(key)

    def close(self) -> None:
        """Close the state file; updates of the environment's apps fail from then on."""
        _close_store(self.store, self.event_loop)

    async def get_env(self) -> Environment:
        """Return the environment itself."""
        return self

    def get_env_blocking(self) -> Environment:
        """Return the environment itself."""
        return self


def _close_store(store: Store, loop: asyncio.AbstractEventLoop) -> None:
    """Close the state file on the loop that writes it."""
    try:
        on_loop = asyncio.get_running_loop() is loop
    except RuntimeError:
        on_loop = False
    if on_loop or not loop.is_running():
        store.close()
    else:
        loop.call_soon_threadsafe(store.close)


class LazyEnvironment:
    """An environment that its lifespan function sets up when it is first needed."""

    def __init__(self, name: str = "default") -> None:
        self.name = name
        self.info = EnvironmentInfo(self)
        self._lifespan: LifespanFn | None = None
        # Made on the loop that starts the environment.
        self._lock: asyncio.Lock | None = None
        self._lock_loop: asyncio.AbstractEventLoop | None = None
        self._exit_stack: AsyncExitStack | None = None
        self._env: Environment | None = None

    def lifespan(self, fn: LifespanFn) -> None:
        """Set the lifespan function."""
        if self._lifespan is not None:
            warnings.warn(f"{fn} replaces the lifespan function {self._lifespan}.", stacklevel=3)
        self._lifespan = fn

    def _start_stop_lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock_loop is not loop:
            self._lock, self._lock_loop = asyncio.Lock(), loop
        return self._lock

    async def get_env(self) -> Environment:
        """Return the environment, started on the running loop if it is not yet."""
        if self._env is not None:
            return self._env
        async with self._start_stop_lock():
            if self._env is None:
                stack = AsyncExitStack()
                try:
                    self._env = await self._start(stack)
                except BaseException:
                    await stack.aclose()
                    raise
                self._exit_stack = stack
            return self._env

    def get_env_blocking(self) -> Environment:
        """Return the environment, started on the background loop if it is not yet."""
        if self._env is not None:
            return self._env
        return loops.call_blocking(loops.background_loop(), self.get_env())

    async def _start(self, stack: AsyncExitStack) -> Environment:
        builder = EnvironmentBuilder()
        if self._lifespan is not None:
            await _enter_lifespan(self._lifespan, builder, stack)
        settings = builder.settings
        settings.db_path = settings.db_path or default_db_path()
        if not settings.db_path:
            raise ValueError(
                "The environment has no folder for its state: set settings.db_path in the lifespan "
                f"function, or the environment variable {environment_variable(DB_VARIABLE)}."
            )
        stack.push_async_callback(builder.context_provider.aclose)
        return Environment(
            settings,
            name=self.name,
            context_provider=builder.context_provider,
            event_loop=asyncio.get_running_loop(),
            exception_handler=builder.exception_handler,
            info=self.info,
        )

    async def stop(self) -> None:
        """Stop the environment and run the end of its lifespan function."""
        async with self._start_stop_lock():
            stack, self._exit_stack = self._exit_stack, None
            env, self._env = self._env, None
        try:
            if stack is not None:
                await stack.aclose()
        finally:
            if env is not None:
                env.close()

    def stop_blocking(self) -> None:
        """Stop the environment from a thread without a loop."""
        if self._env is not None:
            loops.call_blocking(self._env.event_loop, self.stop())

    async def reset(self) -> None:
        """Stop the environment and remove its lifespan function."""
        await self.stop()
        self._lifespan = None


async def _enter_lifespan(
    fn: LifespanFn, builder: EnvironmentBuilder, stack: AsyncExitStack
) -> None:
    """Run a lifespan function up to its yield and leave the rest for the end."""
    if isasyncgenfunction(fn):
        agen: AsyncGenerator[None, None] = fn(builder)
        await anext(agen)

        async def finish() -> None:
            async for _ in agen:
                break
            await agen.aclose()

        stack.push_async_callback(finish)
    else:
        gen = iter(fn(builder))  # type: ignore[arg-type]
        next(gen)
        stack.callback(next, gen, None)


_default_env = LazyEnvironment()


@overload
def lifespan(fn: LifespanFn) -> LifespanFn: ...
@overload
def lifespan(fn: None = None) -> Callable[[LifespanFn], LifespanFn]: ...
def lifespan(fn: LifespanFn | None = None) -> Any:
    """Make a generator function the lifespan function of the default environment."""

    def register(fn: LifespanFn) -> LifespanFn:
        _default_env.lifespan(fn)
        return fn

    return register if fn is None else register(fn)


async def start() -> None:
    """Start the default environment."""
    await _default_env.get_env()


async def stop() -> None:
    """Stop the default environment."""
    await _default_env.stop()


def start_blocking() -> None:
    """Start the default environment from a thread without a loop."""
    _default_env.get_env_blocking()


def stop_blocking() -> None:
    """Stop the default environment from a thread without a loop."""
    _default_env.stop_blocking()


async def default_env() -> Environment:
    """Return the default environment, started if needed."""
    return await _default_env.get_env()


def default_lazy_env() -> LazyEnvironment:
    """Return the default environment as it is before it is started."""
    return _default_env


def reset_default_env() -> None:
    """Stop the default environment and remove its lifespan function, for tests and notebooks."""
    asyncio.run(_default_env.reset())


class _Runtime:
    """Starts the default environment and stops it at the end, in plain and async code."""

    def __enter__(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            start_blocking()
        else:
            raise RuntimeError(
                "Cannot use 'with runtime()' inside a running event loop; use 'async with'."
            )

    def __exit__(self, *exc: object) -> None:
        stop_blocking()

    async def __aenter__(self) -> None:
        await start()

    async def __aexit__(self, *exc: object) -> None:
        await stop()


def runtime() -> _Runtime:
    """Return a context manager, plain and async, in which the default environment runs."""
    return _Runtime()
