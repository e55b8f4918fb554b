"""Iterators that run in a separate thread: a blocking one for async code, and the reverse."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["async_to_sync_iter", "sync_to_async_iter"]

T = TypeVar("T")

DEFAULT_QUEUE_SIZE = 1024

# How long the end of a consumer waits for a busy iterator, whose thread ends later.
JOIN_SECONDS = 1.0


class _ConsumerLeftError(Exception):
    """The items have no consumer any more."""


class _Pipe(Generic[T]):
    """Hands items from one thread to another, as many ahead as allowed."""

    def __init__(self, size: int, notify: Callable[[], object] | None = None) -> None:
        self._size = max(size, 1)
        self._notify = notify
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._ended = False
        self._error: Exception | None = None

    def put(self, item: T) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._size)
            if self._closed:
                raise _ConsumerLeftError
            self._items.append(item)
            self._tell(first=len(self._items) == 1)

    def end(self, error: Exception | None) -> None:
        with self._changed:
            self._ended, self._error = True, error
            self._tell(first=True)

    def _tell(self, *, first: bool) -> None:
        self._changed.notify_all()
        # Only the first of several items, since all are taken together.
        if first and self._notify is not None and not self._closed:
            self._notify()

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended)

    def take(self) -> tuple[list[T], bool]:
        """Return all items that are there, and whether they are the last; raise how it failed."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._changed.notify_all()
            if not items and self._error is not None:
                raise self._error
            return items, self._ended and self._error is None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def start(self, produce: Callable[[], None]) -> threading.Thread:
        """Run what fills the pipe in a thread, with the caller's context variables."""

        def run() -> None:
            try:
                produce()
            except _ConsumerLeftError:
                self.end(None)
            except Exception as error:  # noqa: BLE001 - raised again where the items are taken
                self.end(error)
            else:
                self.end(None)

        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(run,), daemon=True)
        thread.start()
        return thread


async def sync_to_async_iter(
    sync_iter_fn: Callable[[], Iterator[T]], *, max_queue_size: int = DEFAULT_QUEUE_SIZE
) -> AsyncIterator[T]:
    """Yield the items of a blocking iterator, which runs ahead by up to `max_queue_size` items."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    pipe: _Pipe[T] = _Pipe(max_queue_size, lambda: loop.call_soon_threadsafe(ready.set))

    def produce() -> None:
        iterator = sync_iter_fn()
        try:
            for item in iterator:
                pipe.put(item)
        finally:
            # A generator holds files and cursors, which belong to this thread.
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = pipe.start(produce)
    try:
        last = False
        while not last:
            await ready.wait()
            ready.clear()
            items, last = pipe.take()
            for item in items:
                yield item
            # A failure after these items is raised by the next call.
            if items and not last:
                ready.set()
    finally:
        pipe.close()
        if thread.is_alive():
            await asyncio.to_thread(thread.join, JOIN_SECONDS)


def async_to_sync_iter(
    async_iter_fn: Callable[[], AsyncIterator[T]], *, max_queue_size: int = DEFAULT_QUEUE_SIZE
) -> Iterator[T]:
    """Yield the items of an async iterator, which runs on a separate event loop.

    Raises:
        RuntimeError: An event loop runs in the calling thread, which this would block.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError(
            "async_to_sync_iter must not be called from a running event loop; use `async for`."
        )
    pipe: _Pipe[T] = _Pipe(max_queue_size)

    async def fill() -> None:
        async for item in async_iter_fn():
            pipe.put(item)

    thread = pipe.start(lambda: asyncio.run(fill()))
    try:
        last = False
        while not last:
            pipe.wait()
            items, last = pipe.take()
            yield from items
    finally:
        pipe.close()
        thread.join(JOIN_SECONDS)
