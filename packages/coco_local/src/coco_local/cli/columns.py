"""Tables: drawn for people, aligned and never cut for programs."""

from __future__ import annotations

from collections.abc import Sequence

from coco_local.cli.terminal import Terminal, visible

__all__ = ["show_table"]


def show_table(
    terminal: Terminal,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
) -> None:
    """Print rows under their heads; the columns named in ``numbers`` are aligned right."""
    if terminal.pretty:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for index, head in enumerate(heads):
            # The last column is the long one: it gives way first.
            table.add_column(
                head,
                justify="right" if head in numbers else "left",
                no_wrap=index < len(heads) - 1,
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        terminal.console.print(table)
        return
    table_rows = [heads, *rows]
    widths = [max(len(row[column]) for row in table_rows) for column in range(len(heads))]
    for row in table_rows:
        cells = (
            cell.rjust(width) if head in numbers else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        )
        terminal.line("  ".join(cells).rstrip())
