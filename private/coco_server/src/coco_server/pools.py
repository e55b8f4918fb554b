"""The store is synchronous: its calls run in threads, in lanes that cannot starve each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio
from anyio import to_thread

__all__ = ["Threads"]

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class Threads:
    """Runs functions in threads; each lane has a share of the database's connections."""

    def __init__(self, connections: int) -> None:
        """Divide ``connections`` (at least 2) among the lanes."""
        # Half for queries, which wait for nobody; a quarter each for what changes something and
        # for what follows jobs. Admission is short and shares the queries' part.
        self._queries = anyio.CapacityLimiter(max(1, connections // 2))
        self._changes = anyio.CapacityLimiter(max(1, connections // 4))
        self._status = anyio.CapacityLimiter(max(1, connections // 4))

    async def query(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run what a caller waits for: admission and search."""
        return await to_thread.run_sync(function, *args, limiter=self._queries)

    async def change(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run what changes something."""
        return await to_thread.run_sync(function, *args, limiter=self._changes)

    async def status(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run what only looks: jobs, versions, lists."""
        return await to_thread.run_sync(function, *args, limiter=self._status)
