"""Threads that process batches of rows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coco_flow.engine.frames import RowState

__all__ = ["BatchWorkers"]


class BatchWorkers:
    """Threads for batches; with one worker a batch runs in the caller's thread."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, "coco-flow-rows") if count > 1 else None
        # One batch may wait for a worker: no more, since its rows are in memory.
        self._gate = threading.BoundedSemaphore(count + 1)
        self._running: list[Future[None]] = []

    def __enter__(self) -> BatchWorkers:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=True, cancel_futures=exc_type is not None)
        if exc_type is None:
            for future in self._running:
                future.result()

    def submit(self, work: Callable[[list[RowState]], None], rows: list[RowState]) -> None:
        """Run `work` on the rows, waiting while all workers are busy."""
        if self._pool is None:
            work(rows)
            return
        self._gate.acquire()
        for future in [done for done in self._running if done.done()]:
            self._running.remove(future)
            future.result()
        future = self._pool.submit(work, rows)
        future.add_done_callback(lambda _: self._gate.release())
        self._running.append(future)
