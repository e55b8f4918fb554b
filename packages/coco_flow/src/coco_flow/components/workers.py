"""Threads that run plain functions for the loop, several results per wake-up of the loop."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Workers"]

# Plain functions mostly wait: for files, databases or services.
MAX_THREADS = 32
# An idle thread ends after this, so that a program that is done keeps none.
IDLE_SECONDS = 5.0


class _Job(NamedTuple):
    future: asyncio.Future[Any]
    context: contextvars.Context
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Workers:
    """A pool of daemon threads that belongs to one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._waking = False

    def run(
        self,
        context: contextvars.Context,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> asyncio.Future[Any]:
        """Call a function in a thread and return the future of its result; called on the loop."""
        future = self._loop.create_future()
        self._jobs.put(_Job(future, context, fn, args, kwargs))
        with self._lock:
            if self._jobs.qsize() > self._idle and self._threads < MAX_THREADS:
                self._threads += 1
                name = f"coco-flow-worker-{self._threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                job = self._jobs.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    self._idle -= 1
                    if self._jobs.empty():
                        self._threads -= 1
                        return
                continue
            with self._lock:
                self._idle -= 1
            self._call(job)

    def _call(self, job: _Job) -> None:
        # The waiting task was cancelled before the function began.
        if job.future.cancelled():
            return
        try:
            result = job.context.run(job.fn, *job.args, **job.kwargs)
        except BaseException as error:  # noqa: BLE001 - the waiting task raises it
            self._report(job.future, None, error)
        else:
            self._report(job.future, result, None)

    def _report(
        self, future: asyncio.Future[Any], result: Any, error: BaseException | None
    ) -> None:
        self._done.append((future, result, error))
        with self._lock:
            if self._waking:
                return
            self._waking = True
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            # The loop was closed while the function ran; the result is not needed.
            self._done.clear()

    def _deliver(self) -> None:
        with self._lock:
            self._waking = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            elif isinstance(error, StopIteration):
                # A future refuses it: it would end the generator that awaits.
                wrapped = RuntimeError("A function raised StopIteration.")
                wrapped.__cause__ = error
                future.set_exception(wrapped)
            else:
                future.set_exception(error)
