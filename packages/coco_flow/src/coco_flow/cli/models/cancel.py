"""`coco-flow models cancel`."""

from __future__ import annotations

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import chosen_database, load_models, require_engine
from coco_flow.cli.models.options import app_option, database_option, run_argument
from coco_flow.cli.options import json_option
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]


@click.command("cancel")
@run_argument()
@app_option(required=False)
@database_option
@json_option
@click.pass_context
def command(context: click.Context, run: str, *, app: str | None, database: str | None) -> int:
    """Stop a run, whichever process works on it.

    A model at work ends at its next report of progress or write, and no other begins. `resume`
    continues the run.
    """
    from coco_flow.cli.models.following import resume_command

    terminal = terminal_of(context)
    require_engine()
    if app is not None:
        load_models(app)
    from coco_flow.models.runs import cancel_run

    found = cancel_run(chosen_database(database), run)
    if terminal.json:
        terminal.document({"run": found.id, "pipeline": found.pipeline, "status": found.status})
    else:
        terminal.line(f"Cancelled the run {run} of pipeline {found.pipeline}.")
        terminal.note(f"Continue it: {resume_command(run, app, database)}")
    return Exit.OK
