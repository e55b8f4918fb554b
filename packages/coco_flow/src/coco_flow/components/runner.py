"""Runners: where the bodies of functions run, such as on a GPU or in a separate process."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import warnings
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from coco_flow.components import gpu
from coco_flow.components.gpu import GPUPool
from coco_flow.setting import environment_variable

if TYPE_CHECKING:
    from coco_flow.components.batching import BatchQueue

__all__ = [
    "GPU",
    "GPUPool",
    "GPURunner",
    "Runner",
    "configure_gpu_pool",
    "current_gpu",
    "current_gpu_fraction",
    "current_gpus",
    "execute_in_subprocess",
    "in_subprocess",
]

P = ParamSpec("P")
R = TypeVar("R")

SUBPROCESS_VARIABLE = "RUN_GPU_IN_SUBPROCESS"

_is_subprocess = False


def in_subprocess() -> bool:
    """Say whether this is a runner's process, where functions run as they are."""
    return _is_subprocess


def enter_subprocess() -> None:
    """Note that this is a runner's process."""
    global _is_subprocess  # noqa: PLW0603 - a fact about the process
    _is_subprocess = True


class Runner(ABC):
    """Runs the bodies of functions."""

    def __init__(self) -> None:
        self._queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, BatchQueue] = (
            weakref.WeakKeyDictionary()
        )

    def get_queue(self) -> BatchQueue:
        """Return the queue that the batches of all of the runner's functions share on this loop."""
        from coco_flow.components.batching import BatchQueue

        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = BatchQueue()
        return queue

    @abstractmethod
    async def run(
        self, fn: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run an async function."""

    @abstractmethod
    async def run_sync_fn(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a plain function without blocking the loop."""


async def execute_in_subprocess(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function in the runner's process; it and its arguments must be picklable."""
    # Imported when used: multiprocessing takes a while to import, and few programs need it.
    from coco_flow.components.runner_process import execute

    return await execute(fn, args, kwargs)


_gpus: ContextVar[tuple[int, ...]] = ContextVar("coco_flow_gpus", default=())
_fraction: ContextVar[float | None] = ContextVar("coco_flow_gpu_fraction", default=None)


def current_gpu() -> int | None:
    """Return the first GPU that the running call was given, or None."""
    gpus = _gpus.get()
    return gpus[0] if gpus else None


def current_gpus() -> list[int]:
    """Return the GPUs that the running call was given."""
    return list(_gpus.get())


def current_gpu_fraction() -> float | None:
    """Return how much of a GPU the running call was given, or None."""
    return _fraction.get()


_default_gpu_pool: GPUPool | None = None
_default_gpu_pool_lock = threading.Lock()


def _get_default_gpu_pool() -> GPUPool:
    global _default_gpu_pool  # noqa: PLW0603 - the GPUs of the machine
    with _default_gpu_pool_lock:
        if _default_gpu_pool is None:
            _default_gpu_pool = GPUPool(num_gpus=gpu.detect_num_gpus())
        return _default_gpu_pool


def configure_gpu_pool(num_gpus: int) -> None:
    """Set how many GPUs there are, before any function uses one."""
    global _default_gpu_pool  # noqa: PLW0603 - the GPUs of the machine
    with _default_gpu_pool_lock:
        _default_gpu_pool = GPUPool(num_gpus=num_gpus)


def _with_gpu(gpus: tuple[int, ...], fraction: float, fn: Callable[[], R]) -> R:
    token, fraction_token = _gpus.set(gpus), _fraction.set(fraction)
    try:
        return fn()
    finally:
        _gpus.reset(token)
        _fraction.reset(fraction_token)


class GPURunner(Runner):
    """Runs functions that need a GPU or a fraction of one, as many at a time as there is room for.

    With the environment variable COCO_FLOW_RUN_GPU_IN_SUBPROCESS=1 they run in a process of their
    own.
    """

    def __init__(self, fraction: float = 1.0) -> None:
        super().__init__()
        if not 0 < fraction <= 1.0:
            raise ValueError(f"fraction must be in (0, 1.0], got {fraction}")
        self._fraction = fraction
        self._use_subprocess: bool | None = None
        self._executor: ThreadPoolExecutor | None = None

    def __call__(self, fraction: float = 1.0) -> GPURunner:
        """Return a runner for functions that need this much of a GPU."""
        return GPURunner(fraction=fraction)

    def _should_use_subprocess(self) -> bool:
        if self._use_subprocess is None:
            self._use_subprocess = os.environ.get(environment_variable(SUBPROCESS_VARIABLE)) == "1"
        return self._use_subprocess

    async def run(
        self, fn: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run an async function on the loop, with a GPU."""
        pool = _get_default_gpu_pool()
        number = await pool.acquire(self._fraction)
        token, fraction_token = _gpus.set((number,)), _fraction.set(self._fraction)
        try:
            if self._should_use_subprocess():
                _warn_of_one_process(pool)
                return await execute_in_subprocess(fn, *args, **kwargs)  # type: ignore[no-any-return]
            return await fn(*args, **kwargs)
        finally:
            _gpus.reset(token)
            _fraction.reset(fraction_token)
            await pool.release(number, self._fraction)

    async def run_sync_fn(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a plain function in a thread, with a GPU."""
        pool = _get_default_gpu_pool()
        number = await pool.acquire(self._fraction)
        try:
            if self._should_use_subprocess():
                _warn_of_one_process(pool)
                return await execute_in_subprocess(fn, *args, **kwargs)  # type: ignore[no-any-return]
            if self._executor is None:
                self._executor = ThreadPoolExecutor(thread_name_prefix="gpu")
            call = functools.partial(fn, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(
                self._executor, _with_gpu, (number,), self._fraction, call
            )
        finally:
            await pool.release(number, self._fraction)


GPU = GPURunner()

_warned = False


def _warn_of_one_process(pool: GPUPool) -> None:
    global _warned  # noqa: PLW0603 - said once in a program
    if not _warned and pool.num_gpus > 1:
        warnings.warn(
            f"{environment_variable(SUBPROCESS_VARIABLE)}=1 with num_gpus={pool.num_gpus}: one "
            "process runs all calls, whichever GPU they were given. Leave the variable out to use "
            "several GPUs.",
            stacklevel=4,
        )
    _warned = True
