"""The event loop that coco_flow owns, and how synchronous code reaches it.

All asynchronous user code runs on one loop in a thread of its own, so that synchronous calls work
from a script, from several threads and inside a running loop (a notebook) alike.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import inspect
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from coco_flow.errors import FlowConflict

__all__ = ["run", "run_maybe_async", "stop_loop", "submit"]

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def submit(coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Start `coroutine` on the loop; cancelling the future cancels it."""
    return asyncio.run_coroutine_threadsafe(coroutine, _running_loop())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` on the loop and wait for its result.

    Raises:
        FlowConflict: It was called on the loop itself, which would wait for itself for ever.
    """
    if threading.current_thread() is _thread:
        coroutine.close()
        raise FlowConflict(
            "A synchronous call of coco_flow was made inside one of its own coroutines.",
            hint="Await the asynchronous form there (update_async instead of update, and so on).",
        )
    future = submit(coroutine)
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
