"""The table of an experiment's metrics, as `coco experiment run` and `compare` print it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby

from coco_core.terminal_text import visible
from coco_experiments.comparison import StrategyMetrics, best
from coco_experiments.report.columns import COLUMNS, ReportColumn
from coco_local.cli.terminal import Terminal

__all__ = ["metric_cells", "show_comparison", "show_folded"]

# Stands behind the best of a column; the others get a blank, so that digits stay in line.
_BEST = "*"
_GAP = 2


def show_comparison(
    terminal: Terminal, metrics: Sequence[StrategyMetrics], names: Sequence[str] | None = None
) -> None:
    """Print the metrics of strategies, the best of each column marked with a star.

    ``names`` replace ``INDEX/QUERY``. On a terminal that is too narrow the columns go on below; in
    a pipe every strategy has one line.
    """
    if not metrics:
        return
    heads = ("STRATEGY", *(column.head(metrics[0].k, short=True).upper() for column in COLUMNS))
    named = names if names is not None else [each.name for each in metrics]
    rows = [(name, *cells) for name, cells in zip(named, metric_cells(metrics), strict=True)]
    groups = [
        [at for at, _ in some]
        for _, some in groupby(enumerate(COLUMNS, 1), key=lambda each: each[1].group)
    ]
    show_folded(terminal, heads, rows, numbers=heads[1:], groups=groups)


def metric_cells(
    metrics: Sequence[StrategyMetrics], columns: Sequence[ReportColumn] = COLUMNS
) -> list[tuple[str, ...]]:
    """Return one row of cells a strategy, with the best of each column marked."""
    marked = [best(metrics, column.name) for column in columns]
    return [
        tuple(
            column.cell(each.value(column.name))
            # Where all are best, nothing is to choose.
            + (_BEST if at in top and len(top) < len(metrics) else " ")
            for column, top in zip(columns, marked, strict=True)
        )
        for at, each in enumerate(metrics)
    ]


def show_folded(
    terminal: Terminal,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
    groups: Sequence[Sequence[int]] | None = None,
) -> None:
    """Print a table; where it is wider than the terminal, in parts that all begin with the names.

    ``groups`` are columns that stay together if they can; by default each is on its own.
    """
    width = shutil.get_terminal_size().columns if terminal.pretty else None
    if width is not None and max(len(visible(row[0])) for row in rows) > width // 2:
        # Names that leave no room for metrics stand once, under numbers.
        terminal.table(("#", heads[0]), [(str(n), row[0]) for n, row in enumerate(rows, 1)])
        terminal.line()
        heads, rows = ("#", *heads[1:]), [(str(n), *row[1:]) for n, row in enumerate(rows, 1)]
    widths = [max(len(visible(row[at])) for row in (heads, *rows)) for at in range(len(heads))]
    groups = [[at] for at in range(1, len(heads))] if groups is None else groups
    for number, part in enumerate(_parts(widths, groups, width)):
        if number:
            terminal.line()
        shown = [0, *part]
        cells = [[row[at] for at in shown] for row in rows]
        terminal.table([heads[at] for at in shown], cells, numbers=numbers)


def _parts(
    widths: Sequence[int], groups: Sequence[Sequence[int]], width: int | None
) -> Iterator[list[int]]:
    """Yield the columns of each part beside the first column; every part has at least one."""
    if width is None:
        yield [at for group in groups for at in group]
        return
    room = width - widths[0]

    def needs(columns: Sequence[int]) -> int:
        return sum(_GAP + widths[at] for at in columns)

    part: list[int] = []
    for group in groups:
        # A group that fits no part is taken apart.
        for some in [group] if needs(group) <= room else [[at] for at in group]:
            if part and needs([*part, *some]) > room:
                yield part
                part = []
            part = [*part, *some]
    yield part
