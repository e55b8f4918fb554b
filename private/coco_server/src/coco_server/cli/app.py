"""The command line of server mode; every error is a line on standard error, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from coco_core.errors import CocoError
from coco_server.cli.dev import dev
from coco_server.cli.migrate import migrate
from coco_server.cli.serve import serve

__all__ = ["app", "run"]

app = typer.Typer(
    name="coco-server",
    help="CoCo's server mode: the API service and its administration.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(dev)
app.command()(migrate)


@app.callback()
def _program() -> None:
    # Keeps the verbs' names even while there is only one of them.
    pass


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        result = app(list(arguments), standalone_mode=False)
    except CocoError as error:
        print(f"coco-server: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except typer.Abort:
        return 130
    except typer.Exit as stop:
        return stop.exit_code
    return result if isinstance(result, int) else 0
