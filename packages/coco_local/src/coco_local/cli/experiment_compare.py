"""`coco experiment compare`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_experiments.report.biggest_changes import QuestionChange
    from coco_experiments.report.grouping import Group
    from coco_experiments.report.merging import Comparison, ResultsSource
    from coco_experiments.report.significance import Finding

__all__ = ["compare"]

By: TypeAlias = Literal["tag", "language"]

# Questions that moved most: enough to begin reading with, the page has all.
_MOVED = 5
# Sentences wider than this are hard to read, however wide the terminal is.
_WIDEST = 100


def compare(
    context: typer.Context,
    *,
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Files that `run` wrote.")
    ],
    by: Annotated[
        By | None, typer.Option("--by", help="Show metrics by group of questions.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("--k", "-k", min=1, metavar="N", help="Evaluate the first N hits."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="INDEX/QUERY",
            help="The baseline; without it the strategy with the best nDCG.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with plots and all answers."),
    ] = None,
    json: Json = False,
) -> None:
    """Compare the strategies of an experiment, or of several.

    Several files are judged by the questions that all of them asked.
    """
    from coco_experiments.report.biggest_changes import biggest_changes
    from coco_experiments.report.document import comparison_document, group_document
    from coco_experiments.report.grouping import grouped
    from coco_experiments.report.merging import merge
    from coco_experiments.report.significance import findings

    terminal = terminal_of(context)
    comparison = merge(_sources(results), k)
    base = comparison.best if baseline is None else comparison.position(baseline)
    found = findings(comparison, base)
    changes = biggest_changes(comparison, _MOVED)
    groups = grouped(comparison, by) if by is not None else ()
    for note in comparison.notes:
        terminal.warn(note)
    if by is not None and not groups:
        terminal.warn(f"No question has a {by}; --by {by} shows nothing.")
    if html is not None:
        from coco_experiments.report.page import render

        _write_page(terminal, html, render(comparison, base, found))
    if json:
        document = comparison_document(comparison, base, found, changes)
        if by is not None:
            document["groups"] = group_document(comparison, by, groups)
        terminal.emit(document)
        return
    _show(terminal, comparison, base, found, changes)
    if by is not None and groups:
        _show_groups(terminal, comparison, by, groups)


def _sources(paths: Sequence[Path]) -> list[ResultsSource]:
    """Read the files, each under the shortest name that only it has."""
    from coco_experiments.report.merging import ResultsSource
    from coco_experiments.results_file import read_results

    full = [path.expanduser().resolve() for path in paths]
    for at, path in enumerate(full):
        if path in full[:at]:
            raise InvalidInput(f"{str(paths[at])!r} is given twice.", hint="Name each file once.")
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
    return [ResultsSource(name, read_results(path)) for name, path in zip(names, full, strict=True)]


def _write_page(terminal: Terminal, file: Path, content: bytes) -> None:
    from coco_core.errors import Unreadable
    from coco_core.quantities import byte_count

    try:
        file.expanduser().write_bytes(content)
    except OSError as error:
        raise Unreadable(
            f"{str(file)!r} cannot be written: {error.strerror}.", hint="Name another file."
        ) from error
    terminal.note(f"wrote {file} ({byte_count(len(content))}); open it in a browser")


def _show(
    terminal: Terminal,
    comparison: Comparison,
    baseline: int,
    found: Sequence[Finding],
    changes: Sequence[QuestionChange],
) -> None:
    from coco_core.quantities import count
    from coco_experiments.report.significance import caution, lead
    from coco_local.cli.comparison_table import show_comparison

    experiments = dict.fromkeys(source.results.experiment.name for source in comparison.sources)
    asked = count(len(comparison.questions), "question")
    _write_line(
        terminal, f"{', '.join(experiments)}: {asked}, the first {count(comparison.k, 'hit')}"
    )
    terminal.line()
    strategies = comparison.strategies
    show_comparison(
        terminal, [each.metrics for each in strategies], [each.name for each in strategies]
    )
    terminal.line()
    for sentence in lead(comparison, baseline, found):
        _write_line(terminal, sentence)
    if found:
        terminal.line()
        _show_differences(terminal, comparison, baseline, found)
        _write_line(terminal, caution(comparison, baseline, found), faint=True)
    if changes:
        terminal.line()
        _show_changes(terminal, comparison, changes)


def _show_differences(
    terminal: Terminal, comparison: Comparison, baseline: int, found: Sequence[Finding]
) -> None:
    from coco_experiments.report.columns import MAIN, column_of
    from coco_experiments.report.significance import signed, written_p
    from coco_local.cli.comparison_table import show_folded

    head = column_of(MAIN).head(comparison.k)
    _write_line(
        terminal, f"{head} against {comparison.strategies[baseline].name}, question by question:"
    )
    rows = [
        (
            comparison.strategies[each.strategy].name,
            each.words,
            signed(each.difference.interval.mean),
            f"{signed(each.difference.interval.low)} to {signed(each.difference.interval.high)}",
            written_p(each.difference.p),
            f"{each.difference.better:,}",
            f"{each.difference.worse:,}",
        )
        for each in sorted(found, key=lambda each: -each.difference.interval.mean)
    ]
    heads = ("STRATEGY", "VERDICT", "MEAN", "95 % INTERVAL", "P", "BETTER", "WORSE")
    show_folded(
        terminal,
        heads,
        rows,
        numbers=("MEAN", "P", "BETTER", "WORSE"),
        groups=((1,), (2, 3, 4), (5, 6)),
    )


def _show_changes(
    terminal: Terminal, comparison: Comparison, changes: Sequence[QuestionChange]
) -> None:
    from coco_experiments.report.columns import MAIN, column_of, share

    head = column_of(MAIN).head(comparison.k)
    _write_line(terminal, f"Questions where the strategies differ most ({head}):")

    def named(positions: Sequence[int]) -> str:
        first = comparison.strategies[positions[0]].name
        return first if len(positions) == 1 else f"{first} and {len(positions) - 1:,} more"

    for each in changes:
        terminal.line()
        _write_line(
            terminal, f"{each.question.question_id}  {' '.join(each.question.query.split())}"
        )
        terminal.line(f"  {share(each.best)}  {named(each.high)}", faint=True)
        terminal.line(f"  {share(each.worst)}  {named(each.low)}", faint=True)


def _show_groups(
    terminal: Terminal, comparison: Comparison, by: By, groups: Sequence[Group]
) -> None:
    from coco_experiments.report.columns import COLUMNS
    from coco_local.cli.comparison_table import metric_cells, show_folded

    columns = [column for column in COLUMNS if column.group == "quality"]
    heads = ("STRATEGY", *(column.head(comparison.k, short=True).upper() for column in columns))
    if not terminal.pretty:
        # One table, so that a program finds the group in each line.
        terminal.line()
        rows = [
            (strategy.name, group.title(by), str(group.questions), *cells)
            for group in groups
            for strategy, cells in zip(
                comparison.strategies, metric_cells(group.metrics, columns), strict=True
            )
        ]
        every = (heads[0], by.upper(), "QUESTIONS", *heads[1:])
        show_folded(terminal, every, rows, numbers=every[2:])
        return
    for group in groups:
        terminal.line()
        _write_line(terminal, f"{by} {group.title(by)} ({group.questions:,})")
        rows = [
            (strategy.name, *cells)
            for strategy, cells in zip(
                comparison.strategies, metric_cells(group.metrics, columns), strict=True
            )
        ]
        show_folded(terminal, heads, rows, numbers=heads[1:])


def _write_line(terminal: Terminal, text: str, *, faint: bool = False) -> None:
    """Write a sentence, over several lines where the terminal is narrow."""
    if not terminal.pretty:
        terminal.line(text)
        return
    for line in textwrap.wrap(text, min(_WIDEST, shutil.get_terminal_size().columns)):
        terminal.line(line, faint=faint)
