"""Opening results in the user's editor."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coco_core.errors import InvalidInput
from coco_local.cli.display import path_of
from coco_local.cli.hit_view import shown_lines
from coco_local.cli.terminal import Terminal
from coco_local.tui.editor import EditorCommand, editor_command

if TYPE_CHECKING:
    from coco_local.cli.places import Places
    from coco_protocol.docs import Hit

__all__ = ["open_numbered", "place_in_file", "required_editor", "run_editor"]


def place_in_file(places: Places, hit: Hit, query: str) -> tuple[str, int]:
    """Return the file of a hit and the line that answers: the first that is printed of it."""
    file = Path(places.of(hit).project.root) / path_of(hit)
    lines = shown_lines(hit, query)
    return str(file), lines[0].number if lines and hit.chunk.start_line is not None else 1


def open_numbered(
    terminal: Terminal, places: Places, hits: Sequence[Hit], number: int, query: str
) -> None:
    """Open the ``number``-th result, from 1.

    Raises:
        InvalidInput: there are fewer, or there is no editor.
    """
    if number > len(hits):
        results = "1 result" if len(hits) == 1 else f"{len(hits)} results"
        raise InvalidInput(
            f"There is no result {number}: the search has {results}.",
            hint=f"Ask for more: --limit {number}",
        )
    path, line = place_in_file(places, hits[number - 1], query)
    command = required_editor(path, line)
    terminal.note(f"{path}:{line}")
    run_editor(command)


def required_editor(path: str, line: int) -> EditorCommand:
    """Return the command of the user's editor.

    Raises:
        InvalidInput: there is none.
    """
    command = editor_command(os.environ, path, line)
    if command is None:
        raise InvalidInput(
            "No editor is named: neither VISUAL nor EDITOR is set.",
            hint='Name yours, for instance: export VISUAL="code --wait" (or vim, nano, hx, …)',
        )
    return command


def run_editor(command: EditorCommand) -> None:
    """Run an editor to its end.

    Raises:
        InvalidInput: it cannot be started.
    """
    try:
        subprocess.run(command.arguments, check=False)
    except OSError as error:
        raise InvalidInput(
            f"The editor {command.arguments[0]!r} cannot be started: {error.strerror}.",
            hint="Set VISUAL or EDITOR to a program that is on the PATH.",
        ) from error
