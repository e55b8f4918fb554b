"""Jobs: background work with its progress and its events."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from coco_core.errors import JobNotFound
from coco_protocol.jobs import JobBody, JobEvent, JobList, JobState

__all__ = ["Job", "JobRegistry"]

JobKind = Literal["index", "rebuild", "rescan", "prune", "model"]

# Finished jobs that are remembered; a client that waits for one asks within seconds.
_KEPT = 200

# Progress is news a few times a second, not a thousand times.
_EVENT_SECONDS = 0.2

_EVENTS_KEPT = 500

_FINAL: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})


@dataclass
class _Progress:
    state: JobState = "queued"
    stage: str = ""
    done: int = 0
    total: int = 0
    current: str = ""
    error: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    stage_started: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)


class Job:
    """One unit of background work; thread-safe."""

    def __init__(self, kind: JobKind, project_id: str | None, changed: threading.Condition) -> None:
        self.job_id = uuid.uuid4().hex[:12]
        self.kind = kind
        self.project_id = project_id
        self.created_at = time.time()
        self._changed = changed
        self._progress = _Progress()
        self._events: deque[JobEvent] = deque(maxlen=_EVENTS_KEPT)
        self._sequence = 0
        self._last_event = 0.0
        self._cancel = threading.Event()

    @property
    def finished(self) -> bool:
        """The job has reached a final state."""
        return self._progress.state in _FINAL

    @property
    def cancelled(self) -> bool:
        """Somebody asked the job to stop."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask the job to stop at its next yield point; one that has not begun ends at once."""
        self._cancel.set()
        if self._progress.state == "queued":
            self.finish("cancelled")

    def enter(self, stage: str, total: int = 0) -> None:
        """Begin a stage of ``total`` units."""
        with self._changed:
            progress = self._progress
            progress.started_at = progress.started_at or time.time()
            progress.state = "running"
            progress.stage, progress.done, progress.total = stage, 0, total
            progress.stage_started = time.monotonic()
            self._add_event(stage)

    def advance(self, done: int, total: int, current: str = "") -> None:
        """Report the stage's progress."""
        with self._changed:
            progress = self._progress
            progress.done, progress.total = done, total
            progress.current = current or progress.current
            if time.monotonic() - self._last_event >= _EVENT_SECONDS:
                self._add_event("")

    def count(self, name: str, amount: int = 1) -> None:
        """Add to one of the job's counts."""
        with self._changed:
            counts = self._progress.counts
            counts[name] = counts.get(name, 0) + amount

    def finish(self, state: JobState = "succeeded", error: str | None = None) -> None:
        """Reach a final state."""
        with self._changed:
            if self.finished:
                return
            progress = self._progress
            progress.state, progress.error = state, error
            progress.finished_at = time.time()
            progress.current = ""
            self._add_event(error or state)

    def body(self) -> JobBody:
        """Return the job as the wire knows it."""
        progress = self._progress
        elapsed = time.monotonic() - progress.stage_started if progress.stage_started else 0.0
        rate = progress.done / elapsed if elapsed > 0 and not self.finished else 0.0
        left = progress.total - progress.done
        return JobBody(
            job_id=self.job_id,
            kind=self.kind,
            project_id=self.project_id,
            state=progress.state,
            stage=progress.stage,
            done=progress.done,
            total=progress.total,
            rate=round(rate, 1),
            eta_seconds=round(left / rate, 1) if rate > 0 and left > 0 else None,
            current=progress.current,
            counts=dict(progress.counts),
            error=progress.error,
            created_at=self.created_at,
            started_at=progress.started_at,
            finished_at=progress.finished_at,
        )

    def events(self, after: int) -> list[JobEvent]:
        """Return the events with a sequence above ``after``."""
        return [event for event in self._events if event.sequence > after]

    def _add_event(self, message: str) -> None:
        self._last_event = time.monotonic()
        self._sequence += 1
        self._events.append(JobEvent(sequence=self._sequence, job=self.body(), message=message))
        self._changed.notify_all()


class JobRegistry:
    """All jobs of the daemon, newest last."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._jobs: dict[str, Job] = {}

    def create(self, kind: JobKind, project_id: str | None = None) -> Job:
        """Register a job in state ``queued``."""
        job = Job(kind, project_id, self._changed)
        with self._changed:
            self._jobs[job.job_id] = job
            finished = [known for known in self._jobs.values() if known.finished]
            for old in finished[:-_KEPT]:
                del self._jobs[old.job_id]
        return job

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            JobNotFound: it never was, or ended so long ago that it is forgotten.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise JobNotFound(f"There is no job {job_id!r}.", hint="List them with: coco jobs")
        return job

    def list(self) -> JobList:
        """Return all jobs, newest first."""
        with self._changed:
            jobs = list(self._jobs.values())
        return JobList(jobs=[job.body() for job in reversed(jobs)])

    def running(self) -> int:
        """Return the number of jobs that have not ended."""
        with self._changed:
            return sum(not job.finished for job in self._jobs.values())

    def wait_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        """Return events above ``after``; wait up to ``timeout`` seconds for the first."""
        job = self.get(job_id)
        with self._changed:
            self._changed.wait_for(lambda: bool(job.events(after)), timeout)
            return job.events(after)
