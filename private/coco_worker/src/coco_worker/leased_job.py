"""A job in this worker's hands, and why it may have to let go of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

from coco_server.jobs.records import Job

__all__ = ["HeldJob", "LetGo", "Reason"]


class Reason(StrEnum):
    """Why work on a job ends before it is done."""

    CANCELLED = "cancelled"
    """Somebody asked for it."""
    STOPPING = "stopping"
    """The worker stops; the job goes back into the queue."""
    LOST = "lost"
    """Another worker has it."""


class LetGo(Exception):
    """Unwinds a job's work; raised between its steps, never inside a transaction."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class HeldJob:
    """Shared by the thread that works and those that hear what happens to the job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._reason: Reason | None = None
        self._heard: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def reason(self) -> Reason | None:
        """Why the work shall end; None while it shall go on."""
        return self._reason

    def on_let_go(self, hear: Callable[[], None]) -> None:
        """Call ``hear`` when the work shall end, to interrupt what would take long."""
        with self._lock:
            self._heard.append(hear)
            late = self._reason is not None
        if late:
            hear()

    def let_go(self, reason: Reason) -> None:
        """Ask the working thread to end; a lost job stays lost whatever is said later."""
        with self._lock:
            if self._reason is not Reason.LOST:
                self._reason = reason
            heard = list(self._heard)
        for hear in heard:
            hear()

    def check(self) -> None:
        """Raise if the work shall end.

        Raises:
            LetGo: with the reason.
        """
        reason = self._reason
        if reason is not None:
            raise LetGo(reason)
