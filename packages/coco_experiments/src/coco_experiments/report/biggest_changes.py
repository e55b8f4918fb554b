"""Questions whose metrics differ most between strategies: where the choice decides."""

from __future__ import annotations

from dataclasses import dataclass

from coco_experiments import Question
from coco_experiments.report.columns import MAIN
from coco_experiments.report.merging import Comparison

__all__ = ["QuestionChange", "biggest_changes"]

# Figures that differ by less are equal but for the order of their sums.
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class QuestionChange:
    """A question that strategies answered differently."""

    question: Question
    best: float
    high: tuple[int, ...]
    """Positions of the strategies that answered best."""
    worst: float
    low: tuple[int, ...]


def biggest_changes(comparison: Comparison, most: int) -> tuple[QuestionChange, ...]:
    """Return the questions with the largest distance between two strategies, that first."""
    found = []
    for question in comparison.questions:
        values = {
            at: float(getattr(strategy.metrics.questions[question.question_id], MAIN))
            for at, strategy in enumerate(comparison.strategies)
            if question.question_id in strategy.metrics.questions
        }
        if not values:
            continue
        best, worst = max(values.values()), min(values.values())
        if best - worst > _TINY:
            high = tuple(at for at, value in values.items() if best - value <= _TINY)
            low = tuple(at for at, value in values.items() if value - worst <= _TINY)
            found.append(QuestionChange(question, best, high, worst, low))
    return tuple(sorted(found, key=lambda each: each.worst - each.best)[:most])
