"""Runs updates of flows, shows how far they are, and stops them on a signal."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.cli.exits import Exit
from coco_flow.cli.failure import error_json, report_error
from coco_flow.cli.figures import count, duration, moment
from coco_flow.cli.progress import ProgressDisplay, SourceProgress, counts_text
from coco_flow.cli.stop_signals import StopSignals

if TYPE_CHECKING:
    from coco_flow.cli.jobs import Job
    from coco_flow.cli.terminal import Terminal
    from coco_flow.flow.flow import Flow
    from coco_flow.state.records import RowError

__all__ = ["JobRun", "run_jobs"]

# How often progress is looked at: smooth to the eye, nothing to the work.
_POLL_SECONDS = 0.1
# Failed rows that are named after an update; `coco-flow errors` lists all.
_NAMED_FAILURES = 3


def run_jobs(
    terminal: Terminal,
    jobs: Sequence[Job],
    *,
    live: bool = False,
    allow_errors: bool = False,
    target: str = "APP",
) -> int:
    """Run jobs side by side until all have ended, and return the exit code.

    Args:
        terminal: Where to show progress and results.
        jobs: What to run.
        live: Whether they go on until a signal comes.
        allow_errors: Whether failed rows leave the exit code 0.
        target: The application, for hints.
    """
    run = JobRun(terminal, jobs, live=live, target=target)
    with StopSignals() as stop:
        run.start()
        run.follow(stop)
    return run.report(stop, allow_errors=allow_errors)


class JobRun:
    """Jobs that run side by side, and what was said of them.

    Args:
        terminal: Where to show progress and results.
        jobs: What to run.
        live: Whether they go on until they are stopped.
        target: The application, for hints.
    """

    def __init__(self, terminal: Terminal, jobs: Sequence[Job], *, live: bool, target: str) -> None:
        self._terminal = terminal
        self._jobs = jobs
        self._live = live
        self._target = target
        self._display = ProgressDisplay(terminal)
        self._known = {job.flow.name: _known_rows(job.flow) for job in jobs}
        self._reported_passes = {job.flow.name: 0 for job in jobs}
        self._reported_counts: dict[str, dict[str, dict[str, int]]] = {}
        self._reported_until = {job.flow.name: 0.0 for job in jobs}
        self._reported_ended: set[str] = set()
        self._notify = threading.Event()

    def start(self) -> None:
        """Begin."""
        for job in self._jobs:
            job.start(self._notify)

    def follow(self, stop: StopSignals) -> None:
        """Show the jobs to their ends, and stop them when a signal comes."""
        asked = False
        while not all(job.ended for job in self._jobs):
            self._notify.wait(_POLL_SECONDS)
            self._notify.clear()
            if stop.requested and not asked:
                asked = True
                self._display.clear()
                if not self._live:
                    self._terminal.note(
                        "Stopping after the rows in flight; again to stop immediately."
                    )
                self._abort()
            self.show()
        self._display.clear()
        if self._live:
            self._report_passes()
            self._report_ended()

    def show(self) -> None:
        """Show how far the jobs are."""
        if self._live:
            self._report_passes()
            self._report_ended()
        self._display.show(self._progress(), busy=self._is_busy())

    def stop(self) -> None:
        """Stop the jobs and wait for them."""
        self._abort()
        for job in self._jobs:
            job.wait()
        self._display.clear()
        self._report_ended()

    def _abort(self) -> None:
        for job in self._jobs:
            job.abort()

    def report(self, stop: StopSignals, *, allow_errors: bool) -> int:
        """Report the outcome and return the exit code."""
        if self._terminal.json and not self._live:
            self._terminal.document({"flows": [self._job_json(job, stop) for job in self._jobs]})
        elif not self._terminal.json:
            self._report_ended()
        failed = any(job.error is not None for job in self._jobs)
        for job in self._jobs:
            if not self._terminal.json:
                self._report_end(job, stop)
        if failed:
            return Exit.ERROR
        if stop.requested:
            return Exit.OK if self._live else stop.exit_code
        if any(_has_errors(job) for job in self._jobs) and not allow_errors:
            return Exit.ERROR
        return Exit.OK

    def _is_busy(self) -> bool:
        return any(
            not job.ended and (job.passes == 0 or any(_in_progress(job).values()))
            for job in self._jobs
        )

    def _progress(self) -> list[SourceProgress]:
        shown = []
        for job in self._jobs:
            info = job.info
            if info is None:
                continue
            in_progress = info.in_progress
            for source, counts in info.to_json().items():
                # In live mode the number of rows that follow is unknown.
                known = 0 if job.passes else self._known[job.flow.name].get(source, 0)
                name = f"{job.flow.name}.{source}"
                shown.append(SourceProgress(name, counts, in_progress[source], known))
        return shown

    def _report_passes(self) -> None:
        """In live mode, say what became of the rows since the last time."""
        for job in self._jobs:
            name = job.flow.name
            if job.passes == self._reported_passes[name] or job.info is None:
                continue
            first = self._reported_passes[name] == 0
            self._reported_passes[name] = job.passes
            counts = job.info.to_json()
            before = self._reported_counts.get(name, {})
            self._reported_counts[name] = counts
            self._display.clear()
            for source, now in counts.items():
                added = _difference(now, before.get(source, {}))
                if first or any(n for key, n in added.items() if key != "num_no_change"):
                    self._report_pass(job, source, added)
            self._report_failures(job)
            if first and not job.ended:
                self._terminal.note(f"Flow {name} is up to date and watches its sources.")

    def _report_ended(self) -> None:
        """Report once why jobs ended that should not have."""
        for job in self._jobs:
            name = job.flow.name
            if not job.ended or name in self._reported_ended:
                continue
            self._reported_ended.add(name)
            self._display.clear()
            if job.error is not None:
                report_error(self._terminal, job.error, f"Flow {name}")

    def _report_pass(self, job: Job, source: str, counts: dict[str, int]) -> None:
        if self._terminal.json:
            changed = {key: number for key, number in counts.items() if number}
            self._terminal.json_line(
                {"flow": job.flow.name, "source": source, "at": time.time(), "rows": changed}
            )
        elif not self._terminal.quiet:
            text = counts_text(counts)
            self._terminal.line(f"{moment(time.time())} {job.flow.name}.{source}: {text}")
            self._terminal.flush()

    def _report_end(self, job: Job, stop: StopSignals) -> None:
        terminal, name = self._terminal, job.flow.name
        if job.error is None and not self._live:
            for line in str(job.info or "").splitlines():
                if not terminal.quiet:
                    terminal.line(f"{name}.{line}")
            self._report_failures(job)
            if stop.requested:
                terminal.note(f"Flow {name}: stopped; the next update continues from here.")
            else:
                terminal.note(f"Flow {name}: done in {duration(job.seconds)}.")

    def _report_failures(self, job: Job) -> None:
        """Name the rows that failed since the last time."""
        since = max(job.began, self._reported_until[job.flow.name])
        self._reported_until[job.flow.name] = time.time()
        if not _has_errors(job):
            return
        from coco_flow.cli.row_errors import error_line

        failures = _failures_since(job.flow, since)
        for error in failures[:_NAMED_FAILURES]:
            self._terminal.warn(f"{job.flow.name}: {error_line(error)}")
        if failures:
            self._terminal.warn(
                f"{count(len(failures), 'row')} of {job.flow.name} failed: "
                f"coco-flow errors {self._target}"
            )

    def _job_json(self, job: Job, stop: StopSignals) -> dict[str, Any]:
        if job.error is not None:
            status = "failed"
        elif stop.requested:
            status = "stopped"
        else:
            status = "errors" if _has_errors(job) else "done"
        return {
            "name": job.flow.name,
            "status": status,
            "sources": {} if job.info is None else job.info.to_json(),
            "seconds": round(job.seconds, 3),
            "error": None if job.error is None else error_json(job.error),
        }


def _known_rows(flow: Flow) -> dict[str, int]:
    flow_id = flow.store.flow_id(flow.full_name)
    sources = flow.store.sources(flow_id) if flow_id is not None else {}
    return {name: flow.store.count_rows(number) for name, number in sources.items()}


def _failures_since(flow: Flow, since: float) -> list[RowError]:
    flow_id = flow.store.flow_id(flow.full_name)
    if flow_id is None:
        return []
    return [error for error in flow.store.errors(flow_id) if error.last_at >= since]


def _has_errors(job: Job) -> bool:
    return job.info is not None and job.info.has_errors


def _in_progress(job: Job) -> dict[str, int]:
    return {} if job.info is None else job.info.in_progress


def _difference(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {key: number - before.get(key, 0) for key, number in now.items()}
