"""Metrics by tag or by language of the questions."""

from __future__ import annotations

from dataclasses import dataclass

from coco_experiments.comparison import GroupBy, StrategyMetrics, group_questions
from coco_experiments.report.merging import Comparison

__all__ = ["Group", "grouped"]


@dataclass(frozen=True, slots=True)
class Group:
    """Questions of one tag or language, with the metrics of every strategy on them."""

    name: str
    """Empty for questions that have none."""
    questions: int
    metrics: tuple[StrategyMetrics, ...]

    def title(self, by: GroupBy) -> str:
        """Return the name as it is shown."""
        return self.name or f"(no {by})"


def grouped(comparison: Comparison, by: GroupBy) -> tuple[Group, ...]:
    """Return the groups in the order of their names; none when no question has a tag, or language.

    A question of two tags counts in both groups.
    """
    groups = group_questions(comparison.questions, by)
    if set(groups) <= {""}:
        return ()
    return tuple(
        Group(
            name,
            len(ids),
            tuple(strategy.metrics.of(ids) for strategy in comparison.strategies),
        )
        for name, ids in groups.items()
    )
