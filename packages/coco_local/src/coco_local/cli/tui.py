"""`coco tui`."""

from __future__ import annotations

import sys

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.terminal import terminal_of

__all__ = ["tui"]


def tui(context: typer.Context) -> None:
    """Open the dashboard of the running service.

    Closing it leaves the service as it is.
    """
    from coco_local.cli.connection import connected, read_settings

    terminal_of(context)
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise InvalidInput(
            "The dashboard needs a terminal.", hint="Without one: coco status --watch"
        )
    with connected() as client:
        # A service that does not run is told before the screen is taken.
        client.health()
        address = client.base_url
    from coco_local.tui import run_tui

    run_tui(address, owns_daemon=False, api_key=read_settings().api_key)
