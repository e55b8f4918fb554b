"""`coco tui`."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.options import Project
from coco_local.cli.terminal import terminal_of

__all__ = ["tui"]


def tui(context: typer.Context, *, project: Project = None) -> None:
    """Open the dashboard of the running service.

    It searches the project around the current directory. Closing it leaves the service as it is.
    """
    from coco_local.cli.connection import connected, place_of, read_settings

    terminal_of(context)
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise InvalidInput(
            "The dashboard needs a terminal.", hint="Without one: coco status --watch"
        )
    with connected() as client:
        # A service that does not run is told before the screen is taken.
        client.health()
        address = client.base_url
        place = Path(place_of(client, project).project.root) if project else None
    from coco_local.tui import run_tui

    run_tui(address, owns_daemon=False, api_key=read_settings().api_key, place=place)
