"""Progress of jobs: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from coco_core.errors import JobNotFound
from coco_core.quantities import duration
from coco_core.terminal_text import visible
from coco_local.cli.terminal import Terminal
from coco_local.client.http_client import FINAL_STATES
from coco_protocol.jobs import JobRequest

if TYPE_CHECKING:
    from coco_protocol.jobs import JobBody
    from coco_protocol.local import LocalService

__all__ = ["follow_jobs", "job_line", "report_failures", "show_jobs"]

# How often jobs are looked at: smooth to the eye, nothing to the service.
_POLL_SECONDS = 0.2
# How often it is asked whether a project is broken, which is rare.
_CHECK_SECONDS = 1.0
# Without a terminal, a line each so many seconds says that work goes on and fills no log.
_QUIET_SECONDS = 5.0


def follow_jobs(
    terminal: Terminal,
    client: LocalService,
    job_ids: Sequence[str],
    names: Mapping[str, str],
    *,
    last_stage: str | None = None,
) -> list[JobBody]:
    """Show jobs until all are done; ``names`` has the projects' names by id.

    With ``last_stage`` a job that has come to that stage is not waited for any more. Nor is a
    project that the service cannot work on: it is tried again and again, and the user shall know
    why.
    """
    last: dict[str, JobBody] = {}
    waiting = dict.fromkeys(job_ids)

    def looked_at() -> Iterator[list[JobBody]]:
        checked_at = time.monotonic()
        while waiting:
            for job_id in list(waiting):
                try:
                    last[job_id] = client.job(JobRequest(job_id=job_id))
                except JobNotFound:
                    # The service remembers the last jobs only: among hundreds it was over early.
                    del waiting[job_id]
                    continue
                followed = last[job_id]
                if followed.state in FINAL_STATES or followed.stage == last_stage:
                    del waiting[job_id]
            if time.monotonic() - checked_at >= _CHECK_SECONDS:
                checked_at = time.monotonic()
                broken = _broken_projects(client)
                for job_id in [job_id for job_id in waiting if last[job_id].project_id in broken]:
                    last[job_id] = _given_up(last[job_id], broken)
                    del waiting[job_id]
            yield list(last.values())
            if waiting:
                time.sleep(_POLL_SECONDS)

    show_jobs(terminal, looked_at(), names)
    return [last[job_id] for job_id in job_ids if job_id in last]


def _broken_projects(client: LocalService) -> dict[str, str]:
    """Return the errors of projects that cannot be worked on, by id."""
    return {
        project.project_id: project.error or "the service cannot work on it"
        for project in client.projects().projects
        if project.state == "error"
    }


def _given_up(job: JobBody, broken: Mapping[str, str]) -> JobBody:
    error = f"{broken[job.project_id or '']} (the service tries again by itself)"
    return job.model_copy(update={"state": "failed", "error": error})


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
    """Warn about jobs that ended badly; say whether there were any."""
    failed = [job for job in jobs if job.state in FINAL_STATES and job.state != "succeeded"]
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
    told: dict[str, tuple[float, str, str]] = {}
    for jobs in states:
        now = time.monotonic()
        for job in jobs:
            stage, line = f"{job.state} {job.stage}", job_line(job, names)
            told_at, last_stage, last_line = told.get(job.job_id, (0.0, "", ""))
            due = line != last_line and now - told_at >= _QUIET_SECONDS
            if stage != last_stage or due:
                told[job.job_id] = (now, stage, line)
                terminal.note(line)
