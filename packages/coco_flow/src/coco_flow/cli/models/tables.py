"""Writes tables with a head to the result of a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from coco_core.terminal import table_lines

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["write_table"]


def write_table(
    terminal: Terminal,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
) -> None:
    """Write rows under a dimmed head; columns in which no row has anything are left out."""
    kept = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    shown = [[row[place] for place in kept] for row in rows]
    lines = table_lines([heads[place] for place in kept], shown, numbers=numbers)
    for number, line in enumerate(lines):
        terminal.line(line if number else terminal.style(line, "2"))
