"""A job that this worker has leased, and why its work may have to end early."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

from coco_server.jobs.records import Job

__all__ = ["InterruptReason", "JobInterrupted", "LeasedJob"]


class InterruptReason(StrEnum):
    """Why work on a job ends before it is done."""

    CANCELLED = "cancelled"
    """Somebody asked for it."""
    STOPPING = "stopping"
    """The worker stops; the job goes back into the queue."""
    WAITING = "waiting"
    """Another build of the same index goes first; the job goes back into the queue."""
    LOST = "lost"
    """Another worker has it."""


class JobInterrupted(Exception):
    """Unwinds a job's work; raised between its steps, never inside a transaction."""

    def __init__(self, reason: InterruptReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class LeasedJob:
    """Shared by the thread that works and those that learn what happens to the job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._reason: InterruptReason | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def reason(self) -> InterruptReason | None:
        """Why the work shall end; None while it shall go on."""
        return self._reason

    def on_interrupt(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when the work shall end, to interrupt what would take long."""
        with self._lock:
            self._callbacks.append(callback)
            late = self._reason is not None
        if late:
            callback()

    def interrupt(self, reason: InterruptReason) -> None:
        """Ask the working thread to end; a lost job stays lost whatever is said later."""
        with self._lock:
            if self._reason is not InterruptReason.LOST:
                self._reason = reason
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Raise if the work shall end.

        Raises:
            JobInterrupted: with the reason.
        """
        reason = self._reason
        if reason is not None:
            raise JobInterrupted(reason)
