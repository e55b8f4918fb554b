"""The event loop that coco_flow owns, and how synchronous code reaches it.

All asynchronous user code runs on one loop in its own thread, so that synchronous calls work
from a script, from several threads and inside a running loop (a notebook) alike.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from coco_flow.errors import FlowConflict, UpdateAborted

__all__ = ["CancelScope", "run", "run_maybe_async", "stop_loop", "submit"]

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


class CancelScope:
    """The coroutines that some work waits for, so that another thread can cancel them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cancelled = False

    def cancel(self) -> None:
        """Cancel what runs; `run` raises UpdateAborted in this scope from now on."""
        with self._lock:
            self._cancelled = True
            tasks = list(self._tasks)
        for task in tasks:
            task.get_loop().call_soon_threadsafe(task.cancel)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let calls of `run` in this thread belong to the scope."""
        before = _scope.set(self)
        try:
            yield
        finally:
            _scope.reset(before)

    async def guard(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await `coroutine`, or raise UpdateAborted once it has ended after a cancellation."""
        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            if not self._cancelled:
                self._tasks.add(task)
        if task not in self._tasks:
            coroutine.close()
            raise UpdateAborted()
        try:
            return await coroutine
        except asyncio.CancelledError:
            if self._cancelled:
                raise UpdateAborted() from None
            raise
        finally:
            self._tasks.discard(task)


_scope: ContextVar[CancelScope | None] = ContextVar("coco_flow_cancel_scope", default=None)


def submit(coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Start `coroutine` on the loop; cancelling the future cancels it."""
    return asyncio.run_coroutine_threadsafe(coroutine, _running_loop())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` on the loop and wait for its result.

    Raises:
        FlowConflict: It was called on the loop itself, which would wait for itself for ever.
        UpdateAborted: The scope that the caller has entered was cancelled.
    """
    if threading.current_thread() is _thread:
        coroutine.close()
        raise FlowConflict(
            "A synchronous call of coco_flow was made inside one of its own coroutines.",
            hint="Await the asynchronous form there (update_async instead of update, and so on).",
        )
    scope = _scope.get()
    future = submit(coroutine if scope is None else scope.guard(coroutine))
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def run_maybe_async(function: Callable[..., Any], *args: Any) -> Any:
    """Call `function`; if it is asynchronous, run it on the loop and return its result."""
    result = function(*args)
    return run(_awaited(result)) if inspect.isawaitable(result) else result


def stop_loop() -> None:
    """End the loop and its thread; the next use starts new ones."""
    global _loop, _thread
    with _lock:
        loop, thread, _loop, _thread = _loop, _thread, None, None
    if loop is None or thread is None:
        return
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(timeout=5)


async def _awaited(value: Any) -> Any:
    return await value


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop, _thread
    with _lock:
        if _loop is None:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(
                target=_serve, args=(loop,), name="coco-flow-loop", daemon=True
            )
            thread.start()
            _loop, _thread = loop, thread
        return _loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


atexit.register(stop_loop)
