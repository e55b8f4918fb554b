"""The worker process that all functions with ``gpu=True`` share.

It is spawned at the first call, keeps one executor for each function and spec, and ends with its
parent. Calls are made one after the other, so that a device serves one at a time.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import os
import pickle
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from coco_flow.errors import FlowError

if TYPE_CHECKING:
    from coco_flow.op.definition import FunctionDefinition

__all__ = ["process_executor", "stop_worker_process"]

_log = logging.getLogger(__name__)

# An input that ends the process every time must fail at last.
_MAX_RESTARTS = 3


class _Pool:
    """The one pool of this process, made at first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def get(self) -> ProcessPoolExecutor:
        import multiprocessing

        from coco_flow.user_app_loader import loaded_apps

        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    1,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_initialize_worker,
                    initargs=(loaded_apps(),),
                )
            return self._pool

    def discard(self, pool: ProcessPoolExecutor | None = None) -> None:
        """End the pool, or only that one: another thread may have replaced it already."""
        with self._lock:
            found = self._pool if pool is None else pool
            if self._pool is found:
                self._pool = None
        if found is not None:
            found.shutdown(wait=False, cancel_futures=True)


_the_pool = _Pool()


def process_executor(definition: FunctionDefinition, spec: Any) -> Any:
    """Return an executor whose methods run in the worker process.

    Raises:
        FlowError: The function or its spec cannot be sent to another process.
    """
    implementation = definition.implementation
    try:
        key = pickle.dumps((implementation, spec, definition.is_plain_function))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise FlowError(
            f"{definition.kind} cannot run in the worker process: {error}.",
            hint="Define the function or class at the top level of a module, with a plain spec.",
        ) from error
    if definition.is_plain_function:
        return _ProxyFunction(key)
    has = {name for name in ("analyze", "prepare") if hasattr(implementation, name)}
    return _PROXIES[frozenset(has)](key)


def stop_worker_process() -> None:
    """End the worker process; the next call starts another."""
    _the_pool.discard()


class _Proxy:
    """Calls an executor in the worker process."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _call(self._key, "__call__", args, kwargs)


class _WithAnalyze(_Proxy):
    def analyze(self) -> Any:
        return _call(self._key, "analyze", (), {})


class _WithPrepare(_Proxy):
    def prepare(self) -> None:
        _call(self._key, "prepare", (), {})


class _WithBoth(_WithAnalyze, _WithPrepare):
    pass


class _ProxyFunction:
    """Calls a plain function in the worker process."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return _call(self._key, "__call__", args, kwargs)


_PROXIES: dict[frozenset[str], type[_Proxy]] = {
    frozenset(): _Proxy,
    frozenset({"analyze"}): _WithAnalyze,
    frozenset({"prepare"}): _WithPrepare,
    frozenset({"analyze", "prepare"}): _WithBoth,
}


def _call(key: bytes, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    for attempt in range(_MAX_RESTARTS + 1):
        pool = _the_pool.get()
        try:
            return pool.submit(_call_in_worker, key, method, args, kwargs).result()
        except BrokenProcessPool as error:
            _the_pool.discard(pool)
            if attempt == _MAX_RESTARTS:
                raise FlowError(
                    f"The worker process ended {attempt + 1} times during the same call.",
                    hint="Look for a crash or a lack of memory in the function.",
                ) from error
            _log.warning("The worker process ended unexpectedly; it is started again.")
    raise AssertionError


# In the worker process ----------------------------------------------------------------------------

_executors: dict[bytes, _Executor] = {}


class _Executor:
    """An executor of this process, ready for calls."""

    def __init__(self, key: bytes) -> None:
        # The bytes come from the parent, which runs the same code.
        implementation, spec, self._is_plain = pickle.loads(key)  # noqa: S301
        self._executor = implementation
        if not self._is_plain:
            self._executor = implementation()
            self._executor.spec = spec
        self._results: dict[str, Any] = {}

    def run(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if method != "__call__":
            return self._once(method)
        if not self._is_plain:
            # The parent asked for these once, perhaps in a process that is gone.
            self._once("analyze")
            self._once("prepare")
        return _finished(self._executor(*args, **kwargs))

    def _once(self, method: str) -> Any:
        if method not in self._results:
            bound = getattr(self._executor, method, None)
            self._results[method] = None if bound is None else _finished(bound())
        return self._results[method]


def _initialize_worker(apps: list[str]) -> None:
    import faulthandler
    import multiprocessing

    from coco_flow.user_app_loader import load_user_app

    faulthandler.enable()
    # Ctrl-C is for the parent, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for app in apps:
        load_user_app(app)


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _call_in_worker(key: bytes, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    executor = _executors.get(key)
    if executor is None:
        executor = _executors[key] = _Executor(key)
    return executor.run(method, args, kwargs)


def _finished(result: Any) -> Any:
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(value: Any) -> Any:
    return await value


atexit.register(stop_worker_process)
