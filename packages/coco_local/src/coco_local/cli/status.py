"""`coco status`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.client.http_client import Client
    from coco_protocol.jobs import JobBody
    from coco_protocol.projects import ProjectBody
    from coco_protocol.system import ModelBody, StatsData

__all__ = ["show_status", "status"]

# How often --watch looks.
_WATCH_SECONDS = 1.0
# Skipped files that are named for each project; the table counts all.
_SKIPPED_SHOWN = 10


def status(
    context: typer.Context,
    *,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="PATH", help="Say why a path is or is not indexed."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it every second.")] = False,
    json: Json = False,
) -> None:
    """Show what the service does and knows.

    Exit code 3 means that it does not run.
    """
    from coco_local.cli.connection import connected

    terminal = terminal_of(context)
    with connected() as client:
        if explain is not None:
            _explain(terminal, client, explain)
        elif watch:
            _watch(terminal, client)
        elif json:
            terminal.emit(_State.of(client).document(), client.meta)
        else:
            show_status(terminal, client)


@dataclass(frozen=True, slots=True)
class _State:
    """All that is shown, asked at one time."""

    url: str
    stats: StatsData
    projects: list[ProjectBody]
    jobs: list[JobBody]

    @classmethod
    def of(cls, client: Client) -> _State:
        from coco_local.client.http_client import FINAL_STATES

        stats, projects = client.stats(), client.projects().projects
        jobs = [job for job in client.jobs().jobs if job.state not in FINAL_STATES]
        return cls(client.base_url, stats, projects, jobs)

    def document(self) -> dict[str, Any]:
        return {
            "url": self.url,
            "stats": self.stats.model_dump(mode="json"),
            "projects": [project.model_dump(mode="json") for project in self.projects],
            "jobs": [job.model_dump(mode="json") for job in self.jobs],
        }


def show_status(terminal: Terminal, client: Client) -> None:
    """Print the state of a running service."""
    _show(terminal, _State.of(client))


def _show(terminal: Terminal, state: _State) -> None:
    from coco_core.quantities import byte_count, count, duration
    from coco_local import __version__
    from coco_local.cli.progress import job_line
    from coco_local.cli.projects import secondary_indexes, show_projects

    stats, health = state.stats, state.stats.health
    terminal.line(
        f"CoCo {health.version} listens on {state.url} (PID {health.pid}, {health.mode}, "
        f"up {duration(health.uptime_seconds)})"
    )
    if health.version != __version__:
        terminal.warn(
            f"this program is version {__version__}; restart it in this version: coco restart"
        )
    terminal.line(f"home     {health.home}")
    terminal.line(f"model    {_model(health.model)}")
    terminal.line(
        f"queues   {count(health.queues.files, 'file')}, {count(health.queues.chunks, 'chunk')} "
        f"to embed, {count(health.queues.jobs, 'job')}"
    )
    latency = stats.latency
    terminal.line(
        f"queries  {latency.count:,} in the last minute"
        + (f", p50 {latency.p50_ms:.1f} ms, p95 {latency.p95_ms:.1f} ms" if latency.count else "")
    )
    terminal.line(
        f"memory   {byte_count(stats.memory_bytes)}, CPU {stats.cpu_percent:.0f} %, "
        f"index on disk {byte_count(stats.index_bytes)}"
    )
    for grammar in stats.grammars:
        share = f" {grammar.progress:.0%}" if grammar.progress is not None else ""
        detail = f" ({grammar.detail})" if grammar.detail else ""
        terminal.line(f"grammar  {grammar.language}: {grammar.state}{share}{detail}")
    if stats.stores:
        told = ", ".join(
            f"{name.replace('_', ' ')} {number:,}" for name, number in stats.stores.items()
        )
        terminal.line(f"stores   {told}")
    terminal.line()
    if not state.projects:
        terminal.line("no projects yet; add this directory: coco import .")
        return
    show_projects(terminal, state.projects)
    for project in state.projects:
        if (indexes := secondary_indexes(project)) is not None:
            terminal.line(indexes)
    names = {project.project_id: project.name for project in state.projects}
    for job in state.jobs:
        terminal.line(f"job {job.job_id}  {job_line(job, names)}")
    _show_troubles(terminal, state.projects)


def _model(model: ModelBody) -> str:
    text = f"{model.name}: {model.state}"
    if model.progress is not None:
        text += f" {model.progress:.0%}"
    if model.detail:
        text += f" ({model.detail})"
    return f"{text}. {model.hint}" if model.hint else text


def _show_troubles(terminal: Terminal, projects: list[ProjectBody]) -> None:
    for project in projects:
        if project.error:
            terminal.warn(f"{project.name}: {project.error}")
        if project.state == "missing":
            terminal.warn(
                f"{project.name}: {project.root} is gone; forget it with: "
                f"coco forget {project.project_id}"
            )
        if project.watch in {"partial", "polling"}:
            hint = f" {project.watch_hint}" if project.watch_hint else ""
            terminal.warn(f"{project.name}: changes are detected late ({project.watch}).{hint}")
    for project in projects:
        if not project.skipped_files:
            continue
        terminal.line()
        terminal.line(f"skipped in {project.name}:")
        for skipped in project.skipped_files[:_SKIPPED_SHOWN]:
            terminal.line(f"  {skipped.path}: {skipped.reason}")
        rest = project.skipped - len(project.skipped_files[:_SKIPPED_SHOWN])
        if rest > 0:
            terminal.line(f"  and {rest:,} more")


def _explain(terminal: Terminal, client: Client, path: str) -> None:
    from coco_local.cli.connection import current_directory
    from coco_local.cli.importing import full_path
    from coco_local.cli.requests import build
    from coco_protocol.system import ExplainRequest

    full = full_path(Path(path), current_directory())
    data = client.explain(build(ExplainRequest, path=full))
    if terminal.json:
        terminal.emit(data, client.meta)
        return
    verdict = "is indexed" if data.indexed else "is not indexed"
    reason = "" if data.indexed and data.reason == "indexed" else f": {data.reason}"
    terminal.line(f"{data.path} {verdict}{reason}")
    if data.rule:
        terminal.line(f"  by {data.rule}")
    if data.project_id is None:
        terminal.note("it is in no project; add one: coco import DIRECTORY")


def _watch(terminal: Terminal, client: Client) -> None:
    while True:
        state = _State.of(client)
        if terminal.json:
            terminal.emit(state.document(), client.meta)
        else:
            if terminal.pretty:
                terminal.console.clear()
            _show(terminal, state)
        time.sleep(_WATCH_SECONDS)
