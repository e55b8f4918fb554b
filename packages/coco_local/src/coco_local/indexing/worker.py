"""Index worker: one thread that runs the most urgent step of all projects."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from coco_embed.memory import release_freed_memory

__all__ = ["IndexWorker", "Workable", "lower_priority"]

log = structlog.get_logger(__name__)

# After a failure (disk full, a store that broke) the same step would fail again at once.
_RETRY_SECONDS = 5.0

# Longest sleep; new work wakes the thread at once.
_LONGEST_SLEEP = 60.0

# A sleep of this length that nothing ended early means that nobody works: no flush is due, which
# would come within five seconds.
_REST_SECONDS = 10.0

# Processor time of the whole process after which there is freed memory worth giving back: indexing
# 15,000 chunks left 22 MB. Giving it back takes some milliseconds.
_REST_AFTER_SECONDS = 2.0


class Workable(Protocol):
    """A project as the worker sees it."""

    def step(self) -> bool:
        """Do one slice of work; False when there is none."""
        ...

    def due_in(self, now: float) -> float | None:
        """Return the seconds until something is due; None when nothing is foreseen."""
        ...

    def failed(self, error: Exception) -> None:
        """Called when a step raised."""
        ...


class IndexWorker:
    """Runs the steps of all projects in turn."""

    def __init__(
        self,
        projects: Callable[[], Sequence[Workable]],
        on_round: Callable[[], None],
        on_rest: Callable[[], None] = release_freed_memory,
    ) -> None:
        """Describe the worker.

        Args:
            projects: What there is to work on.
            on_round: Called after every round over the projects.
            on_rest: Called once when nothing happens any more after some work of any thread.
        """
        self._projects = projects
        self._on_round = on_round
        self._on_rest = on_rest
        self._rested_at = 0.0
        self._condition = threading.Condition()
        self._woken = False
        self._stopping = False
        self._retry_at: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name="coco-index", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """There is new work."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def stop(self, timeout: float) -> bool:
        """Finish the step in hand and end; False when it takes longer than ``timeout``."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        lower_priority()
        while not self._stopping:
            did_something = False
            for project in self._projects():
                if self._stopping:
                    return
                did_something |= self._step(project)
            self._on_round()
            if not did_something:
                self._sleep()

    def _step(self, project: Workable) -> bool:
        if self._retry_at.get(id(project), 0.0) > time.monotonic():
            return False
        try:
            return project.step()
        except Exception as error:  # one broken project must not stop the others
            log.exception("index_step_failed")
            self._retry_at[id(project)] = time.monotonic() + _RETRY_SECONDS
            project.failed(error)
            return False

    def _sleep(self) -> None:
        now = time.monotonic()
        seconds = min(
            [_LONGEST_SLEEP, *(self._due_in(project, now) for project in self._projects())]
        )
        with self._condition:
            woken = self._condition.wait_for(lambda: self._woken or self._stopping, seconds)
            self._woken = False
        spent = time.process_time()
        if not woken and seconds >= _REST_SECONDS and spent - self._rested_at > _REST_AFTER_SECONDS:
            self._on_rest()
            self._rested_at = spent

    def _due_in(self, project: Workable, now: float) -> float:
        retry = self._retry_at.get(id(project), 0.0) - now
        if retry > 0:
            # What failed is tried again then: not before, though it is due, and not later.
            return retry
        due = project.due_in(now)
        return _LONGEST_SLEEP if due is None else due


def lower_priority() -> None:
    """Let the calling thread yield to the threads that answer queries.

    Linux schedules threads on their own; elsewhere the gate alone must do.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
