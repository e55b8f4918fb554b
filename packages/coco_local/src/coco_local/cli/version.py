"""`coco version`."""

from __future__ import annotations

import platform

import typer

from coco_local import __version__
from coco_local.cli.options import Json
from coco_local.cli.terminal import terminal_of

__all__ = ["version"]


def version(context: typer.Context, *, json: Json = False) -> None:
    """Print the version."""
    terminal = terminal_of(context)
    if not json:
        terminal.line(f"coco {__version__}")
        return
    from coco_protocol.envelope import API_VERSION

    terminal.emit(
        {
            "version": __version__,
            "api_version": API_VERSION,
            "python": platform.python_version(),
            "platform": platform.platform(),
        }
    )
