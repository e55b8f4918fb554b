"""`coco-flow models resume`."""

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


@click.command("resume")
@run_argument()
@app_option(required=True)
@allow_errors_option
@database_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    run: str,
    *,
    app: str,
    allow_errors: bool,
    database: str | None,
    quiet: bool,
) -> int:
    """Continue a run that was interrupted, cancelled or failed.

    Models that have ended are not run again. A failed run continues under a new id; of one that
    succeeded the recorded result is shown.
    """
    from coco_flow.cli.models.following import continued_run

    del quiet
    followed = continued_run(terminal_of(context), run, app, database, allow_errors=allow_errors)
    from coco_flow.models.runs import resume_run

    return followed.complete(lambda: resume_run(followed.database, run))
