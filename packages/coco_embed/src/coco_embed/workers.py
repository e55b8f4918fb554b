"""Embedding threads, at a lower priority than every request."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeAlias, TypeVar

from coco_core.errors import InvalidInput, Unavailable

__all__ = ["DocumentWorkers"]

T = TypeVar("T")

Work: TypeAlias = Callable[[T, Callable[[], None]], None]
"""Does one unit; its second argument, called often, raises when the work was given up."""

# On Linux a nice value belongs to a thread. With 10, a query that arrives while every core embeds
# gets a core at once and keeps nine tenths of it.
_NICE = 10


class DocumentWorkers:
    """A pool that its first work starts; simultaneous calls of `run` share its threads."""

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InvalidInput(f"threads is {threads}; at least one is needed.")
        self._threads = threads or _default_threads()
        self._starting = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._closed = threading.Event()

    def run(self, work: Work[T], units: Sequence[T]) -> None:
        """Do every unit and return; the first error ends the rest and is raised."""
        batch = _Batch(work, units, self._closed)
        futures = self._submit(batch, min(self._threads, len(units)))
        try:
            wait(futures)
        finally:
            # After a KeyboardInterrupt in this thread nobody wants the rest, and no worker may
            # touch the caller's data once this call has ended.
            batch.abandoned.set()
            wait([future for future in futures if not future.cancel()])
        if batch.error is not None:
            raise batch.error

    def close(self) -> None:
        """Stop after the text in hand and end the threads."""
        self._closed.set()
        with self._starting:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True)

    def _submit(self, batch: _Batch[T], count: int) -> list[Future[None]]:
        with self._starting:
            batch.check()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    self._threads, thread_name_prefix="coco-embed", initializer=_lower_priority
                )
            return [self._pool.submit(batch.drain) for _ in range(count)]


class _Batch(Generic[T]):
    """The units of one call, handed out one by one to whichever worker is free."""

    def __init__(self, work: Work[T], units: Sequence[T], closed: threading.Event) -> None:
        self.abandoned = threading.Event()
        self.error: BaseException | None = None
        self._work = work
        self._units = iter(units)
        self._handing_out = threading.Lock()
        self._closed = closed

    def check(self) -> None:
        """Raise if the workers were closed or another unit failed."""
        if self._closed.is_set() or self.abandoned.is_set():
            raise Unavailable("Embedding was stopped before it was done.", hint="Try again.")

    def drain(self) -> None:
        """Do units until none is left or one has failed; keep the first error."""
        try:
            for unit in self._remaining():
                self._work(unit, self.check)
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
            with self._handing_out:
                self.error = self.error or error
            self.abandoned.set()

    def _remaining(self) -> Iterator[T]:
        while True:
            with self._handing_out:
                unit = next(self._units, None)
            if unit is None:
                return
            yield unit


def _default_threads() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    # Where a thread's priority cannot be lowered, queries need a core that stays free.
    return max(1, (os.cpu_count() or 2) - 1)


def _lower_priority() -> None:
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A process that was started nicer than this may not become less so.
        nice = max(_NICE, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, nice)
