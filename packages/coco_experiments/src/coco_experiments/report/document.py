"""JSON form of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coco_experiments.comparison import GroupBy, StrategyMetrics, best
from coco_experiments.report.biggest_changes import QuestionChange
from coco_experiments.report.columns import COLUMNS, MAIN
from coco_experiments.report.grouping import Group
from coco_experiments.report.merging import Comparison
from coco_experiments.report.significance import Finding

__all__ = ["comparison_document", "group_document"]


def comparison_document(
    comparison: Comparison,
    baseline: int,
    found: Sequence[Finding],
    changes: Sequence[QuestionChange],
) -> dict[str, Any]:
    """Return metrics, differences to the baseline and the questions that moved most."""
    strategies = comparison.strategies
    all_metrics = [strategy.metrics for strategy in strategies]
    tops = {column.name: best(all_metrics, column.name) for column in COLUMNS}
    return {
        "k": comparison.k,
        "questions": len(comparison.questions),
        "files": [source.name for source in comparison.sources],
        "notes": list(comparison.notes),
        "strategies": [
            {
                "name": strategy.name,
                "index": strategy.index,
                "query": strategy.metrics.query_id,
                "questions": len(strategy.metrics.questions),
                "errors": strategy.metrics.errors,
                **_values(strategy.metrics),
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
            for each in changes
        ],
    }


def group_document(
    comparison: Comparison, by: GroupBy, groups: Sequence[Group]
) -> list[dict[str, Any]]:
    """Return the metrics of each group."""
    return [
        {
            by: group.name,
            "questions": group.questions,
            "strategies": [
                {"name": strategy.name, **_values(metrics)}
                for strategy, metrics in zip(comparison.strategies, group.metrics, strict=True)
            ],
        }
        for group in groups
    ]


def _values(metrics: StrategyMetrics) -> dict[str, float | None]:
    return {column.name: metrics.value(column.name) for column in COLUMNS}
