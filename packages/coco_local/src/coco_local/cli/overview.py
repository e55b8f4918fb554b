"""`coco --help`: the verbs by purpose, in the look of every other help page.

The other pages are drawn by Rich, which takes 200 ms to import for it; this is the page that people
open without knowing what they want, and it comes at once.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from itertools import groupby

from coco_local.cli.commands import COMMANDS, Command

__all__ = ["overview"]

# Lines longer than this are hard to read, however wide the terminal is.
_MAX_WIDTH = 100
# Below this a box is more frame than text.
_MIN_WIDTH = 40

_INTRODUCTION = (
    "CoCo finds code and documentation by meaning, and answers from the files as they are now."
)
_EPILOG = "Exit codes: 0 done, 1 error, 2 usage, 3 the service does not run, 4 nothing found."

_OPTIONS = (
    ("--version", "Print the version."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion", "Print completion for the current shell, to copy or adapt it."),
    ("--help, -h", "Show this help; coco VERB --help shows a verb's."),
)


def overview(*, color: bool, boxes: bool, width: int | None = None) -> str:
    """Return the help page of the whole program."""
    wide = max(_MIN_WIDTH, min(width or shutil.get_terminal_size().columns, _MAX_WIDTH))
    paint = _Paint(color)
    panels: list[tuple[str, Sequence[tuple[str, str]]]] = [
        (panel, [(_label(command), command.summary) for command in commands])
        for panel, commands in groupby(COMMANDS, key=lambda command: command.panel)
    ]
    panels.append(("Options", _OPTIONS))
    lines = ["", f" {paint.yellow('Usage:')} {paint.bold('coco [OPTIONS] VERB [ARGS]...')}", ""]
    lines += [f" {line}" for line in textwrap.wrap(_INTRODUCTION, wide - 2)]
    lines.append("")
    for title, rows in panels:
        lines += _panel(title, rows, wide, paint, boxes=boxes)
    lines += ["", *(f" {paint.dim(line)}" for line in textwrap.wrap(_EPILOG, wide - 2)), ""]
    return "\n".join(lines)


def _label(command: Command) -> str:
    return f"{command.name} ({command.alias})" if command.alias else command.name


class _Paint:
    """ANSI styles, or none."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def bold(self, text: str) -> str:
        return self._style("1", text)

    def cyan(self, text: str) -> str:
        return self._style("1;36", text)

    def dim(self, text: str) -> str:
        return self._style("2", text)

    def yellow(self, text: str) -> str:
        return self._style("33", text)

    def _style(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _panel(
    title: str, rows: Sequence[tuple[str, str]], width: int, paint: _Paint, *, boxes: bool
) -> list[str]:
    left = max(len(name) for name, _ in rows)
    room = width - left - 6
    top, side, bottom = ("╭╮", "│", "╰╯") if boxes else ("++", "|", "++")
    dash = "─" if boxes else "-"
    fill = dash * (width - len(title) - 5)
    lines = [paint.dim(f"{top[0]}{dash} {title} {fill}{top[1]}")]
    for name, summary in rows:
        for index, part in enumerate(textwrap.wrap(summary, room)):
            label = paint.cyan(name.ljust(left)) if index == 0 else " " * left
            lines.append(f"{paint.dim(side)} {label}  {part.ljust(room)} {paint.dim(side)}")
    lines.append(paint.dim(f"{bottom[0]}{dash * (width - 2)}{bottom[1]}"))
    return lines
