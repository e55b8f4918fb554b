"""Thread pools for synchronous work: one for each lane, so that no lane starves another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, TypeVarTuple

import anyio
from anyio import to_thread

from coco_protocol.operations import Lane
from coco_protocol.serving.fairness import FairLimiter, owner

__all__ = ["ThreadPools"]

_Ts = TypeVarTuple("_Ts")
_T = TypeVar("_T")


class ThreadPools:
    """Runs functions in threads, off the event loop; in each lane owners take turns."""

    def __init__(self, lanes: Mapping[Lane, FairLimiter], *, waiting: int = 1) -> None:
        """Allow so many threads: for each lane its turns, and for what waits for news."""
        self._lanes = lanes
        # The turns are the limit.
        self._threads = anyio.CapacityLimiter(float("inf"))
        self._waiting = anyio.CapacityLimiter(waiting)

    async def run(self, lane: Lane, function: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Run a function on a thread of its lane.

        Raises:
            RateLimited: too many requests of the same owner wait for the lane.
        """
        async with self._lanes[lane].turn(owner()):
            return await to_thread.run_sync(function, *args, limiter=self._threads)

    async def wait(self, function: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Run what waits for news; a reader that leaves does not wait for its thread."""
        return await to_thread.run_sync(
            function, *args, limiter=self._waiting, abandon_on_cancel=True
        )
