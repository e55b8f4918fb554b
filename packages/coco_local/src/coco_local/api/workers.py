"""The threads that requests run in: bounded by kind, so that no kind of work starves another."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from coco_protocol.operations import Lane

__all__ = ["Workers"]

T = TypeVar("T")

# A query computes, so more threads than this only pass the interpreter's lock around; two for each
# core keep the cores busy while others wait for ripgrep or the disk.
_QUERIES_PER_CORE = 2
_MIN_QUERIES, _MAX_QUERIES = 4, 16

# Imports, prunes and registrations mostly wait for the one writer; more threads would only wait.
_CHANGES = 4

# Reads of state take microseconds; they have their own threads so that health always answers.
_STATUS = 4

# A stream holds its thread only while it waits for the next event; above this they take turns.
_STREAMS = 32


class Workers:
    """Runs the service's synchronous operations off the event loop."""

    def __init__(self) -> None:
        wanted = _QUERIES_PER_CORE * (os.cpu_count() or 1)
        self.query_threads = min(max(wanted, _MIN_QUERIES), _MAX_QUERIES)
        self._lanes: dict[Lane, anyio.CapacityLimiter] = {
            "query": anyio.CapacityLimiter(self.query_threads),
            "change": anyio.CapacityLimiter(_CHANGES),
            "status": anyio.CapacityLimiter(_STATUS),
        }
        self._streams = anyio.CapacityLimiter(_STREAMS)

    async def run(self, lane: Lane, call: Callable[..., T], *args: object) -> T:
        """Run an operation on the threads of its lane."""
        return await anyio.to_thread.run_sync(call, *args, limiter=self._lanes[lane])

    async def wait(self, call: Callable[..., T], *args: object) -> T:
        """Run what waits for news; a reader that leaves does not wait for its thread."""
        return await anyio.to_thread.run_sync(
            call, *args, limiter=self._streams, abandon_on_cancel=True
        )
