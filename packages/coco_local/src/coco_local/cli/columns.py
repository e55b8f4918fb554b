"""Tables: aligned columns, the same for people and programs."""

from __future__ import annotations

from collections.abc import Sequence

from coco_local.cli.terminal import Terminal

__all__ = ["show_table"]


def show_table(
    terminal: Terminal,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
) -> None:
    """Print rows under their heads; the columns named in ``numbers`` are aligned right.

    Nothing is cut to the terminal's width: a path that lost its end is worth nothing.
    """
    table = [heads, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    for index, row in enumerate(table):
        cells = (
            cell.rjust(width) if head in numbers else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        )
        terminal.line("  ".join(cells).rstrip(), faint=index == 0)
