"""A comparison as plain data, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coco_experiments.comparison import GroupBy, StrategyFigures, best
from coco_experiments.report.biggest_changes import Moved
from coco_experiments.report.columns import COLUMNS, MAIN
from coco_experiments.report.grouping import Group
from coco_experiments.report.merging import Comparison
from coco_experiments.report.significance import Finding

__all__ = ["comparison_document", "group_document"]


def comparison_document(
    comparison: Comparison, baseline: int, found: Sequence[Finding], moved: Sequence[Moved]
) -> dict[str, Any]:
    """Return figures, differences to the baseline and the questions that moved most."""
    strategies = comparison.strategies
    all_figures = [strategy.figures for strategy in strategies]
    tops = {column.name: best(all_figures, column.name) for column in COLUMNS}
    return {
        "k": comparison.k,
        "questions": len(comparison.questions),
        "files": [source.name for source in comparison.sources],
        "notes": list(comparison.notes),
        "strategies": [
            {
                "name": strategy.name,
                "index": strategy.index,
                "query": strategy.figures.query_id,
                "questions": len(strategy.figures.questions),
                "errors": strategy.figures.errors,
                **_values(strategy.figures),
                "best": [name for name, top in tops.items() if at in top],
            }
            for at, strategy in enumerate(strategies)
        ],
        "best": strategies[comparison.best].name,
        "baseline": strategies[baseline].name,
        "differences": [
            {
                "strategy": strategies[each.strategy].name,
                "metric": MAIN,
                "mean": each.difference.interval.mean,
                "low": each.difference.interval.low,
                "high": each.difference.interval.high,
                "p": each.difference.p,
                "adjusted_p": each.adjusted_p,
                "questions": each.difference.questions,
                "better": each.difference.better,
                "worse": each.difference.worse,
                "verdict": each.words,
            }
            for each in found
        ],
        "moved": [
            {
                "question_id": each.question.question_id,
                "query": each.question.query,
                "best": each.best,
                "best_strategies": [strategies[at].name for at in each.high],
                "worst": each.worst,
                "worst_strategies": [strategies[at].name for at in each.low],
            }
            for each in moved
        ],
    }


def group_document(
    comparison: Comparison, by: GroupBy, groups: Sequence[Group]
) -> list[dict[str, Any]]:
    """Return the figures of each group."""
    return [
        {
            by: group.name,
            "questions": group.questions,
            "strategies": [
                {"name": strategy.name, **_values(figures)}
                for strategy, figures in zip(comparison.strategies, group.figures, strict=True)
            ],
        }
        for group in groups
    ]


def _values(figures: StrategyFigures) -> dict[str, float | None]:
    return {column.name: figures.value(column.name) for column in COLUMNS}
