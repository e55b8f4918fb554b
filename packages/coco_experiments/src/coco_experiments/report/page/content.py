"""Template context of the page: table cells, SVG plots, sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from coco_core.metrics import bootstrap_interval
from coco_core.quantities import count
from coco_core.version import __version__
from coco_experiments.comparison import GroupBy, StrategyMetrics, best
from coco_experiments.report.columns import COLUMNS, MAIN, ReportColumn, column_of
from coco_experiments.report.grouping import grouped
from coco_experiments.report.merging import Comparison
from coco_experiments.report.page.colors import index_colors
from coco_experiments.report.page.differences import difference_section
from coco_experiments.report.page.indexes import index_section
from coco_experiments.report.plots.scale import linear
from coco_experiments.report.plots.scatter import Dot, scatter
from coco_experiments.report.plots.strips import axis_strip, interval_strip
from coco_experiments.report.significance import Finding, lead

__all__ = ["content"]


def content(comparison: Comparison, baseline: int, found: Sequence[Finding]) -> dict[str, Any]:
    """Return everything that stands on the page but the answers."""
    colors = index_colors(comparison)
    shown = [
        {"number": number, "name": strategy.name, "color": colors[strategy.index]}
        for number, strategy in enumerate(comparison.strategies, 1)
    ]
    metrics = [strategy.metrics for strategy in comparison.strategies]
    experiments = dict.fromkeys(source.results.experiment.name for source in comparison.sources)
    tags = {tag for question in comparison.questions for tag in question.tags}
    languages = {question.language for question in comparison.questions} - {""}
    columns = [_column(column, comparison.k) for column in COLUMNS]
    cells = _cells(metrics, COLUMNS)
    return {
        "title": ", ".join(experiments),
        "facts": _facts(comparison),
        "lead": lead(comparison, baseline, found),
        "notes": comparison.notes,
        "question_count": count(len(comparison.questions), "question"),
        "metric": column_of(MAIN).head(comparison.k),
        "columns": columns,
        "summary": [
            {"strategy": strategy, "cells": row} for strategy, row in zip(shown, cells, strict=True)
        ],
        **_quality(comparison, shown),
        "scatter": _scatter(comparison, shown),
        "colors": list(colors.items()),
        "groupings": _groupings(comparison, shown),
        "tags": sorted(tags),
        "languages": sorted(languages),
        **difference_section(comparison, baseline, found, shown),
        **index_section(comparison, colors),
        "footer": f"Made by CoCo {__version__}. This page holds all of its data and loads nothing.",
    }


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    projects = dict.fromkeys(
        source.results.target.project_name or source.results.target.project_id
        for source in comparison.sources
    )
    products = dict.fromkeys(source.results.target.product for source in comparison.sources)
    days = dict.fromkeys(
        datetime.fromtimestamp(source.results.started_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        for source in comparison.sources
    )
    return [
        ("Project", ", ".join(projects)),
        ("Asked", " and ".join(f"{product} mode" for product in products)),
        ("Begun", ", ".join(days)),
        ("Questions", f"{len(comparison.questions):,}"),
        ("Strategies", f"{len(comparison.strategies):,}"),
        ("Judged", f"the first {count(comparison.k, 'hit')}"),
    ]


def _column(column: ReportColumn, k: int) -> dict[str, Any]:
    return {
        "title": column.head(k),
        "head": column.head(k, short=True),
        "meaning": column.meaning,
        "smaller": column.smaller,
        "group": column.group,
    }


def _cells(
    metrics: Sequence[StrategyMetrics], columns: Sequence[ReportColumn]
) -> list[list[dict[str, Any]]]:
    tops = [best(metrics, column.name) for column in columns]
    return [
        [
            _cell(column, each.value(column.name), best=at in top and len(top) < len(metrics))
            for column, top in zip(columns, tops, strict=True)
        ]
        for at, each in enumerate(metrics)
    ]


def _cell(column: ReportColumn, value: float | None, *, best: bool) -> dict[str, Any]:
    return {
        "value": "NaN" if value is None else f"{value:.9g}",
        "text": column.cell(value),
        "best": best,
    }


def _quality(comparison: Comparison, shown: Sequence[dict[str, Any]]) -> dict[str, Any]:
    column = column_of(MAIN)
    values = [
        [float(getattr(each, MAIN)) for each in strategy.metrics.questions.values()]
        for strategy in comparison.strategies
    ]
    intervals = [
        bootstrap_interval([0.0] * len(each), each, seed=comparison.seed) if each else None
        for each in values
    ]
    ends = [end for each in intervals if each is not None for end in (each.low, each.high)]
    scale = linear(ends)
    rows = []
    for strategy, interval in zip(shown, intervals, strict=True):
        if interval is None:
            rows.append({"strategy": strategy, "strip": "", "text": column.text(None)})
            continue
        label = (
            f"{strategy['name']}: {column.text(interval.mean)}, "
            f"95 % interval {column.text(interval.low)} to {column.text(interval.high)}"
        )
        strip = interval_strip(scale, interval, strategy["color"], label)
        rows.append({"strategy": strategy, "strip": strip, "text": column.text(interval.mean)})
    return {"quality": rows, "quality_axis": axis_strip(scale, lambda value: f"{value:g}")}


def _scatter(comparison: Comparison, shown: Sequence[dict[str, Any]]) -> Any:
    column, latency = column_of(MAIN), column_of("p50_ms")
    dots = []
    for strategy, row in zip(comparison.strategies, shown, strict=True):
        x, y = strategy.metrics.p50_ms, strategy.metrics.value(MAIN)
        if x is None or y is None:
            continue
        tip = f"{row['name']}: {column.text(y)}, {latency.text(x)}"
        dots.append(Dot(str(row["number"]), tip, row["color"], x, y))
    label = (
        f"{column.head(comparison.k)} against the median time of an answer; "
        "the summary table has the same metrics"
    )
    return scatter(dots, label, lambda value: f"{value:g} ms")


def _groupings(comparison: Comparison, shown: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    column = column_of(MAIN)
    sections = []
    for by in get_args(GroupBy):
        groups = grouped(comparison, by)
        if not groups:
            continue
        by_group = [[row[0] for row in _cells(group.metrics, [column])] for group in groups]
        sections.append(
            {
                "by": by,
                "groups": [
                    (group.title(by), count(group.questions, "question")) for group in groups
                ],
                "rows": [
                    {"strategy": strategy, "cells": [cells[at] for cells in by_group]}
                    for at, strategy in enumerate(shown)
                ],
            }
        )
    return sections
