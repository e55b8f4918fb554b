"""`coco-flow models fork`."""

from __future__ import annotations

import click

from coco_flow.cli.models.options import (
    allow_errors_option,
    app_option,
    database_option,
    run_argument,
)
from coco_flow.cli.options import json_option, quiet_option
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]


@click.command("fork")
@run_argument()
@click.argument("model", metavar="MODEL")
@app_option(required=True)
@allow_errors_option
@database_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    run: str,
    model: str,
    *,
    app: str,
    allow_errors: bool,
    database: str | None,
    quiet: bool,
) -> int:
    """Run again from a model on, as a new run.

    What ended before that model in RUN is taken as it is recorded.
    """
    from coco_flow.cli.models.following import continued_run

    del quiet
    followed = continued_run(terminal_of(context), run, app, database, allow_errors=allow_errors)
    from coco_flow.models.runs import fork_run

    return followed.complete(lambda: fork_run(followed.database, run, model))
