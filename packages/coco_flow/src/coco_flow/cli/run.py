"""`coco-flow run`."""

from __future__ import annotations

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.options import (
    allow_empty_option,
    allow_errors_option,
    app_argument,
    json_option,
    quiet_option,
    reset_option,
)
from coco_flow.cli.terminal import terminal_of
from coco_flow.cli.update import UpdateRequest, update_application

__all__ = ["command"]


@click.command("run")
@app_argument()
@click.option(
    "-L", "--live", is_flag=True, help="Follow changes of the sources until Ctrl-C or SIGTERM."
)
@reset_option
@allow_empty_option
@allow_errors_option
@quiet_option
@json_option
@click.pass_context
def command(context: click.Context, /, target: str, **options: bool) -> int:
    """Set up and update without asking.

    The same as coco-flow update --force.
    """
    request = UpdateRequest(force=True, **options)
    return update_application(terminal_of(context), load_application(target), request)
