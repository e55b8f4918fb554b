"""Jobs of one project, advanced together through scan, indexing, and embedding."""

from __future__ import annotations

import threading

from coco_local.monitoring.jobs import Job

__all__ = ["ProjectJobs"]


class ProjectJobs:
    """Jobs of one project; several may wait for the same work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: list[Job] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Let a job follow the project's work."""
        with self._lock:
            self._jobs.append(job)

    def enter(self, stage: str, total: int = 0) -> None:
        """Begin a stage in all jobs that are not in it yet."""
        for job in self._all():
            if job.body().stage != stage:
                job.enter(stage, total)

    def advance(self, remaining: int, current: str) -> None:
        """Report how many units of the stage are left."""
        for job in self._all():
            total = max(job.body().total, remaining)
            job.advance(total - remaining, total, current)

    def count(self, name: str, amount: int) -> None:
        """Add to a count of all jobs."""
        for job in self._all():
            job.count(name, amount)

    def finish(self, **counts: int) -> None:
        """End all jobs well."""
        for job in self._take():
            for name, amount in counts.items():
                job.count(name, amount)
            job.finish("cancelled" if job.cancelled else "succeeded")

    def fail(self, message: str) -> None:
        """End all jobs badly."""
        for job in self._take():
            job.finish("failed", message)

    def cancel(self, message: str) -> None:
        """End all jobs without result."""
        for job in self._take():
            job.finish("cancelled", message)

    def drop_cancelled(self) -> None:
        """End the jobs that somebody cancelled; the index stays as far as it came."""
        with self._lock:
            cancelled = [job for job in self._jobs if job.cancelled]
            self._jobs = [job for job in self._jobs if not job.cancelled]
        for job in cancelled:
            job.finish("cancelled")

    def _all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs)

    def _take(self) -> list[Job]:
        with self._lock:
            jobs, self._jobs = self._jobs, []
        return jobs
