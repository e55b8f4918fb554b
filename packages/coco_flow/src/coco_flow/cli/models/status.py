"""`coco-flow models status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import chosen_database, load_models, require_engine
from coco_flow.cli.models.options import app_option, database_option, run_argument
from coco_flow.cli.options import json_option, quiet_option
from coco_flow.cli.terminal import Terminal, terminal_of
from coco_flow.errors import RunNotFound

if TYPE_CHECKING:
    from coco_flow.models.database import Database
    from coco_flow.models.events import Event
    from coco_flow.models.run_progress import RunProgress
    from coco_flow.models.runs import Run

__all__ = ["command"]

# Messages that are shown of a run; `--json` has all.
_MESSAGES = 10


@click.command("status")
@run_argument(required=False)
@click.option("-f", "--follow", is_flag=True, help="Show what happens until the run ends.")
@app_option(required=False)
@database_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    run: str | None,
    *,
    follow: bool,
    app: str | None,
    database: str | None,
    quiet: bool,
) -> int:
    """Show how far a run is, in whichever process it runs.

    Without RUN, the latest. With --follow, Ctrl-C ends this command and not the run; the exit code
    is 1 if the run did not succeed, and --json writes a line for each event.
    """
    del quiet
    terminal = terminal_of(context)
    require_engine()
    if app is not None:
        load_models(app)
    chosen = chosen_database(database)
    found = _found(chosen, run)
    if not follow:
        _write(terminal, found, _events(chosen, found.id))
        return Exit.OK
    from coco_flow.cli.models.following_others import follow_run

    if not follow_run(terminal, chosen, found):
        terminal.note(f"The run {found.id} goes on.")
        return Exit.OK
    found = _found(chosen, found.id)
    if not terminal.json:
        _write(terminal, found, _events(chosen, found.id))
    return Exit.OK if found.status == "success" else Exit.ERROR


def _found(database: Database, run: str | None) -> Run:
    from coco_flow.models.runs import run_of, runs_of

    if run is None:
        latest = runs_of(database, limit=1)
        if not latest:
            raise RunNotFound(
                f"Nothing has been run on {database.public_url}.",
                hint="Start a run: coco-flow models run APP",
            )
        run = latest[0].id
    return run_of(database, run)


def _events(database: Database, run: str) -> list[Event]:
    from coco_flow.models.event_streams import read_events

    return list(read_events(database, run))


def _write(terminal: Terminal, run: Run, events: list[Event]) -> None:
    from coco_flow.cli.models.figures import write_models
    from coco_flow.cli.models.following import resume_command
    from coco_flow.cli.models.run_text import event_line, run_lines

    progress = _progress(run, events)
    if terminal.json:
        terminal.document(_json(run, progress, events))
        return
    if not terminal.quiet:
        for line in run_lines(run):
            terminal.line(line)
    write_models(terminal, progress)
    messages = [
        one
        for one in events
        if one.model is not None and one.kind in ("log", "failed") and one.level != "debug"
    ]
    for event in messages[-_MESSAGES:] if not terminal.quiet else ():
        terminal.line(event_line(event))
    if run.status in ("interrupted", "cancelled", "failed"):
        terminal.note(f"Continue it: {resume_command(run.id, None, None)}")


def _progress(run: Run, events: list[Event]) -> RunProgress:
    from coco_flow.models.run_progress import RunProgress

    progress = RunProgress(run.id, run.spec.get("models", ()))
    for event in events:
        progress.take(event)
    if run.result is not None:
        progress.finish(run.result)
    if run.status not in ("running", "waiting"):
        progress.interrupt()
    return progress


def _json(run: Run, progress: RunProgress, events: list[Event]) -> dict[str, Any]:
    from coco_flow.cli.models.run_text import iso

    return {
        "run": run.id,
        "pipeline": run.pipeline,
        "status": run.status,
        "started": iso(run.started),
        "ended": iso(run.ended),
        "spec": run.spec,
        "models": [
            {
                "name": one.name,
                "state": one.state,
                "done": one.done,
                "total": one.total,
                "message": one.message,
                "seconds": one.seconds,
                "figures": one.figures,
            }
            for one in progress.models.values()
        ],
        "steps": run.models,
        "events": [one.as_dict() for one in events],
        "result": run.result,
    }
