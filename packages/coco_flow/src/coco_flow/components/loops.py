"""Event loops that environments run on: the caller's, or one in a separate thread."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = [
    "background_loop",
    "call_blocking",
    "current_or_background_loop",
    "on_loop",
    "run_in_thread",
]

T = TypeVar("T")

# How long the end of the program waits for the loop's thread.
STOP_SECONDS = 1.0

_background: asyncio.AbstractEventLoop | None = None
_background_thread: threading.Thread | None = None
_background_lock = threading.Lock()


def run_in_thread(loop: asyncio.AbstractEventLoop) -> threading.Thread:
    """Run a loop in a daemon thread; it runs when this returns."""
    running = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(running.set)
        loop.run_forever()

    thread = threading.Thread(target=run, name="coco-flow-loop", daemon=True)
    # An empty context: the loop outlives the component in which it may be started.
    contextvars.Context().run(thread.start)
    running.wait()
    return thread


def background_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that runs in a thread for programs that have none, starting it if needed."""
    global _background, _background_thread  # noqa: PLW0603 - one loop for the process
    with _background_lock:
        if _background is None or _background.is_closed():
            _background = asyncio.new_event_loop()
            _background_thread = run_in_thread(_background)
        return _background


def current_or_background_loop() -> asyncio.AbstractEventLoop:
    """Return the running loop, or the background loop if none runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return background_loop()


def _stop_background_loop() -> None:
    """End the background loop with the program, so that no thread outlives the interpreter."""
    global _background
    with _background_lock:
        loop, _background = _background, None
    if loop is None or loop.is_closed() or _background_thread is None:
        return
    asyncio.run_coroutine_threadsafe(_cancel_tasks(loop), loop)
    _background_thread.join(STOP_SECONDS)
    if not loop.is_running():
        loop.close()


async def _cancel_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs, as far as it lets itself be cancelled, and stop the loop."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_SECONDS / 2)
    loop.call_soon(loop.stop)


atexit.register(_stop_background_loop)


async def on_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Await work that has to run on a loop, from that loop or from another one."""
    if asyncio.get_running_loop() is loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


def call_blocking(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Run work on a loop and wait for it in a thread that is not the loop's."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        work.close()
        raise RuntimeError(
            "A blocking call would stop the event loop that it waits for; await update() or drop() "
            "here instead of update_blocking() or drop_blocking()."
        )
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        concurrent.futures.wait([future], STOP_SECONDS)
        raise
