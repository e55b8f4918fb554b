"""Background work while it goes on: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from coco_core.errors import JobNotFound
from coco_local.cli.figures import count, duration
from coco_local.cli.terminal import Terminal, visible
from coco_local.client import FINAL_STATES

if TYPE_CHECKING:
    from coco_local.client import Client
    from coco_protocol.jobs import JobBody

__all__ = ["follow_jobs", "job_line", "report_failures", "show_jobs"]

# How often jobs are looked at: smooth to the eye, nothing to the service.
_POLL_SECONDS = 0.2
# Without a terminal, a line each so many seconds says that work goes on and fills no log.
_QUIET_SECONDS = 5.0


def follow_jobs(
    terminal: Terminal, client: Client, job_ids: Sequence[str], names: Mapping[str, str]
) -> list[JobBody]:
    """Show jobs until all are done; ``names`` has the projects' names by id."""
    last: dict[str, JobBody] = {}
    waiting = dict.fromkeys(job_ids)

    def looked_at() -> Iterator[list[JobBody]]:
        while waiting:
            for job_id in list(waiting):
                try:
                    last[job_id] = client.job(job_id)
                except JobNotFound:
                    # The service remembers the last jobs only: among hundreds it was over early.
                    del waiting[job_id]
                    continue
                if last[job_id].state in FINAL_STATES:
                    del waiting[job_id]
            yield list(last.values())
            if waiting:
                time.sleep(_POLL_SECONDS)

    show_jobs(terminal, looked_at(), names)
    return [last[job_id] for job_id in job_ids if job_id in last]


def show_jobs(
    terminal: Terminal, states: Iterable[Sequence[JobBody]], names: Mapping[str, str]
) -> None:
    """Show the jobs of each state as it comes."""
    if terminal.json:
        for _ in states:
            pass
    elif terminal.lively:
        _show_bars(terminal, states, names)
    else:
        _show_lines(terminal, states, names)


def job_line(job: JobBody, names: Mapping[str, str]) -> str:
    """Return one job in one line."""
    what = f"{job.kind} {names.get(job.project_id or '', job.project_id or '')}".strip()
    parts = [f"{what}: {job.state if job.state != 'running' else job.stage or 'running'}"]
    if job.total and job.state == "running":
        parts.append(f"{job.done:,} of {job.total:,}")
    if job.rate and job.state == "running":
        parts.append(f"{job.rate:,.0f} per second")
    if job.eta_seconds is not None and job.state == "running":
        parts.append(f"{duration(job.eta_seconds)} left")
    if job.counts:
        parts.append(", ".join(f"{name} {number:,}" for name, number in job.counts.items()))
    if job.started_at is not None and job.finished_at is not None:
        parts.append(f"in {duration(max(0.0, job.finished_at - job.started_at))}")
    if job.error:
        parts.append(job.error)
    return "; ".join(parts)


def report_failures(terminal: Terminal, jobs: Sequence[JobBody]) -> bool:
    """Warn about jobs that did not succeed; say whether there were any."""
    failed = [job for job in jobs if job.state != "succeeded"]
    for job in failed:
        terminal.warn(f"the job {job.job_id} ({job.kind}) {job.state}: {job.error or 'no reason'}")
    return bool(failed)


def _show_bars(
    terminal: Terminal, states: Iterable[Sequence[JobBody]], names: Mapping[str, str]
) -> None:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}", style="dim"),
    )
    tasks: dict[str, TaskID] = {}
    jobs: Sequence[JobBody] = ()
    with Progress(*columns, console=terminal.aside, transient=True) as progress:
        for jobs in states:
            for job in jobs:
                name = names.get(job.project_id or "", job.kind)
                if job.job_id not in tasks:
                    tasks[job.job_id] = progress.add_task(visible(name), figures="")
                stage = job.stage if job.state == "running" else job.state
                progress.update(
                    tasks[job.job_id],
                    description=visible(f"{name} {stage}"),
                    completed=job.total if job.state == "succeeded" else job.done,
                    # A bar without a total swings: right while files are still being counted.
                    total=job.total or (1 if job.state in FINAL_STATES else None),
                    figures=visible(_figures(job)),
                )
    for job in jobs:
        terminal.note(job_line(job, names))


def _figures(job: JobBody) -> str:
    parts = [f"{job.done:,}/{job.total:,}"] if job.total else []
    if job.rate:
        parts.append(f"{job.rate:,.0f}/s")
    if job.eta_seconds is not None:
        parts.append(f"{duration(job.eta_seconds)} left")
    return "  ".join(parts)


def _show_lines(
    terminal: Terminal, states: Iterable[Sequence[JobBody]], names: Mapping[str, str]
) -> None:
    told: dict[str, tuple[str, str]] = {}
    told_at = time.monotonic()
    for jobs in states:
        now = time.monotonic()
        due = now - told_at >= _QUIET_SECONDS
        running = 0
        for job in jobs:
            stage = (job.state, job.stage)
            running += job.state not in FINAL_STATES
            if told.get(job.job_id) != stage or (due and job.state == "running"):
                told[job.job_id] = stage
                terminal.note(job_line(job, names))
        if due:
            told_at = now
            terminal.note(f"{count(running, 'job')} to go")
