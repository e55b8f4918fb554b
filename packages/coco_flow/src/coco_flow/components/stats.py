"""Statistics of an update: how many components of each kind ran and with what outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

__all__ = [
    "ComponentStats",
    "Counts",
    "Stats",
    "StatsGroupHandle",
    "UpdateSnapshot",
    "UpdateStats",
    "UpdateStatus",
    "report_interval",
]

R = TypeVar("R")


class UpdateStatus(StrEnum):
    """Whether an update is still catching up."""

    RUNNING = "running"
    READY = "ready"


class ComponentStats(NamedTuple):
    """Counts of the components that run one function."""

    num_execution_starts: int
    num_unchanged: int
    num_adds: int
    num_deletes: int
    num_reprocesses: int
    num_errors: int

    @property
    def num_processed(self) -> int:
        """How many ended without an error."""
        return self.num_unchanged + self.num_adds + self.num_deletes + self.num_reprocesses

    @property
    def num_finished(self) -> int:
        """How many ended."""
        return self.num_processed + self.num_errors

    @property
    def num_in_progress(self) -> int:
        """How many are running."""
        return max(0, self.num_execution_starts - self.num_finished)


class UpdateStats(NamedTuple):
    """Counts by the name of the function."""

    by_component: dict[str, ComponentStats]

    @property
    def total(self) -> ComponentStats:
        """The sums over all functions."""
        columns = zip(*self.by_component.values(), strict=True)
        return ComponentStats(*map(sum, columns)) if self.by_component else ComponentStats(*[0] * 6)


class UpdateSnapshot(NamedTuple, Generic[R]):
    """The counts at one moment; the result comes with the last snapshot."""

    stats: UpdateStats
    status: UpdateStatus
    result: R | None


class Counts:
    """The counts of one function while they change."""

    __slots__ = ("adds", "deletes", "errors", "reprocesses", "starts", "unchanged")

    def __init__(self) -> None:
        self.starts = self.unchanged = self.adds = 0
        self.deletes = self.reprocesses = self.errors = 0

    def frozen(self) -> ComponentStats:
        """Return the counts as they are now."""
        return ComponentStats(
            self.starts, self.unchanged, self.adds, self.deletes, self.reprocesses, self.errors
        )


class Stats:
    """The counts of an update or of a group in it, for watchers on any loop.

    Attributes:
        version: Grows with each change.
        ready: Whether all that was mounted at first has caught up.
        terminated: Whether nothing will change any more.
    """

    def __init__(self) -> None:
        self.version = 0
        self.ready = False
        self.terminated = False
        self._counts: dict[str, Counts] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._lock = threading.Lock()

    def of(self, name: str) -> Counts:
        """Return the counts of a function; call `changed` after counting."""
        counts = self._counts.get(name)
        if counts is None:
            counts = self._counts[name] = Counts()
        return counts

    def changed(self) -> None:
        """Notify the watchers."""
        self.version += 1
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            loop = waiter.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_set, waiter)

    def mark_ready(self) -> None:
        """Say that all has caught up."""
        self.ready = True
        self.changed()

    def terminate(self) -> None:
        """Say that nothing will change any more."""
        self.terminated = True
        self._wake()

    def snapshot(self) -> UpdateStats | None:
        """Return the counts, or None if nothing was counted."""
        counts = dict(self._counts)
        if not counts:
            return None
        return UpdateStats({name: each.frozen() for name, each in counts.items()})

    async def wait_change(self, seen: int) -> None:
        """Wait until the version differs from the one seen, or nothing will change any more."""
        while self.version == seen and not self.terminated:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            with self._lock:
                self._waiting.append(waiter)
            # It may have changed between the check and the registration.
            if self.version == seen and not self.terminated:
                await waiter

    async def watch(self) -> AsyncIterator[UpdateSnapshot[None]]:
        """Yield snapshots until nothing will change any more."""
        seen = 0
        while True:
            await self.wait_change(seen)
            ended, seen = self.terminated, self.version
            stats = self.snapshot()
            if stats is not None:
                ready = ended or self.ready
                status = UpdateStatus.READY if ready else UpdateStatus.RUNNING
                yield UpdateSnapshot(stats, status, None)
            if ended:
                return


def _set(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class StatsGroupHandle:
    """The statistics of what was mounted within a `stats_group` block."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def stats(self) -> UpdateStats | None:
        """Return the counts, or None if nothing was counted yet."""
        return self._stats.snapshot()

    def watch(self) -> AsyncIterator[UpdateSnapshot[None]]:
        """Yield snapshots until the group has ended, the last of them as ready."""
        return self._stats.watch()


def report_interval(report_to_stdout: bool | timedelta) -> tuple[bool, float | None]:
    """Return whether to report, and at which interval in seconds if one was given."""
    if not isinstance(report_to_stdout, timedelta):
        return bool(report_to_stdout), None
    seconds = report_to_stdout.total_seconds()
    if seconds <= 0:
        raise ValueError(
            f"report_to_stdout interval must be a positive duration, not {report_to_stdout}."
        )
    return True, seconds
