"""Thread pools for synchronous work: one for each lane, so that no lane starves another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio
from anyio import to_thread

from coco_protocol.operations import Lane

__all__ = ["ThreadPools"]

_Ts = TypeVarTuple("_Ts")
_T = TypeVar("_T")


class ThreadPools:
    """Runs functions in threads, off the event loop."""

    def __init__(
        self,
        *,
        query: int,
        change: int,
        status: int,
        access: int = 1,
        rerank: int = 1,
        waiting: int = 1,
    ) -> None:
        """Allow so many threads: for each lane, and for what waits for news."""
        self._lanes: dict[Lane, anyio.CapacityLimiter] = {
            "access": anyio.CapacityLimiter(access),
            "query": anyio.CapacityLimiter(query),
            "rerank": anyio.CapacityLimiter(rerank),
            "change": anyio.CapacityLimiter(change),
            "status": anyio.CapacityLimiter(status),
        }
        self._waiting = anyio.CapacityLimiter(waiting)

    async def run(self, lane: Lane, function: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Run a function on a thread of its lane."""
        return await to_thread.run_sync(function, *args, limiter=self._lanes[lane])

    async def wait(self, function: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Run what waits for news; a reader that leaves does not wait for its thread."""
        return await to_thread.run_sync(
            function, *args, limiter=self._waiting, abandon_on_cancel=True
        )
