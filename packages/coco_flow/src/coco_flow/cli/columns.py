"""Tables: aligned columns, the same for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["table_lines"]


def table_lines(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = ()
) -> Iterator[str]:
    """Yield rows under their heads; the columns named in ``numbers`` are aligned right.

    Nothing is truncated to the terminal's width: a path without its end is useless.
    """
    table = [heads, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    for row in table:
        cells = (
            cell.rjust(width) if head in numbers else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()
