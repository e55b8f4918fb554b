"""`coco-flow init`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from coco_core.errors import Conflict
from coco_flow.cli.exits import Exit
from coco_flow.cli.starter import STARTER_FILES
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]


@click.command("init")
@click.argument("name", required=False, metavar="[NAME]")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where to write. Default: a new folder NAME, or without NAME this folder.",
)
@click.pass_context
def command(context: click.Context, *, name: str | None, folder: str | None) -> int:
    """Write a starter application that is ready to run.

    It splits the files in ./docs into chunks and keeps them in an SQLite file, without any service
    or account. Files that are there already are never overwritten.
    """
    terminal = terminal_of(context)
    place = Path(folder or name or ".")
    flow_name = _flow_name(name or place.resolve().name)
    taken = [path for path in STARTER_FILES if (place / path).exists()]
    if taken:
        raise Conflict(
            f"{', '.join(str(place / path) for path in taken)}: there already.",
            hint="Choose another folder: coco-flow init NAME",
        )
    for path, text in STARTER_FILES.items():
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("FLOW_NAME", flow_name), encoding="utf-8")
        terminal.line(f"wrote {file}")
    terminal.line()
    terminal.line("Next:")
    if place != Path():
        terminal.line(f"  cd {shlex.quote(str(place))}")
    terminal.line("  coco-flow update main.py")
    terminal.line('  coco-flow query main.py search "chunk"')
    return Exit.OK


def _flow_name(text: str) -> str:
    """Return a name that a flow can have, such as ``MyNotes`` for ``my-notes``."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name:
        return "Documents"
    return name if not name[0].isdigit() else f"Flow{name}"
