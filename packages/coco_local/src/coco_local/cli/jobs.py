"""`coco jobs`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.completion import complete_job
from coco_local.cli.exits import Exit
from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coco_local.client.http_client import Client
    from coco_protocol.jobs import JobBody
    from coco_protocol.local import LocalService

__all__ = ["jobs"]

_HEADS = ("ID", "KIND", "PROJECT", "STATE", "DONE", "AGE", "DETAIL")


def jobs(
    context: typer.Context,
    *,
    job: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="One job.", autocompletion=complete_job),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show its progress until it is done.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Ask it to stop.")] = False,
    json: Json = False,
) -> None:
    """Show, follow or cancel background work.

    With --follow --json each event is a JSON document on a line of its own.
    """
    from coco_local.cli.connection import connected
    from coco_local.cli.requests import build
    from coco_protocol.jobs import JobRequest

    terminal = terminal_of(context)
    if job is None and (follow or cancel):
        option = "--follow" if follow else "--cancel"
        raise InvalidInput(f"{option} needs the id of a job.", hint="See the ids: coco jobs")
    if follow and cancel:
        raise InvalidInput("--follow and --cancel exclude each other.", hint="Cancel first.")
    with connected() as client:
        if job is None:
            _list(terminal, client)
            return
        if follow:
            _follow(terminal, client, job)
            return
        request = build(JobRequest, job_id=job)
        body = client.cancel_job(request) if cancel else client.job(request)
        if json:
            terminal.emit(body, client.meta)
        else:
            _show(terminal, [body], _names(client))


def _names(client: LocalService) -> dict[str, str]:
    return {project.project_id: project.name for project in client.projects().projects}


def _list(terminal: Terminal, client: Client) -> None:
    data = client.jobs()
    if terminal.json:
        terminal.emit(data, client.meta)
    elif data.jobs:
        _show(terminal, data.jobs, _names(client))
    else:
        terminal.note("no jobs since the service was started")


def _show(terminal: Terminal, bodies: Sequence[JobBody], names: dict[str, str]) -> None:
    from coco_core.quantities import duration

    now = time.time()
    rows = []
    for body in bodies:
        state = (
            f"{body.state} ({body.stage})" if body.stage and body.state == "running" else body.state
        )
        counts = ", ".join(f"{name} {number:,}" for name, number in body.counts.items())
        rows.append(
            (
                body.job_id,
                body.kind,
                names.get(body.project_id or "", body.project_id or "-"),
                state,
                f"{body.done:,}/{body.total:,}" if body.total else "-",
                duration(max(0.0, now - body.created_at)),
                body.error or body.current or counts,
            )
        )
    terminal.table(_HEADS, rows)


def _follow(terminal: Terminal, client: Client, job_id: str) -> None:
    last: JobBody | None = None

    def states() -> Iterator[Sequence[JobBody]]:
        nonlocal last
        for event in client.job_events(job_id):
            last = event.job
            if terminal.json:
                terminal.emit_line(event)
            yield [event.job]

    from coco_local.cli.progress import report_failures, show_jobs

    show_jobs(terminal, states(), _names(client))
    if last is not None and report_failures(terminal, [last]):
        raise typer.Exit(Exit.ERROR)
