"""Which questions moved most: where the choice of a strategy decides."""

from __future__ import annotations

from dataclasses import dataclass

from coco_experiments import Question
from coco_experiments.report.columns import MAIN
from coco_experiments.report.merging import Comparison

__all__ = ["Moved", "moved_most"]

# Figures that differ by less are equal but for the order of their sums.
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Moved:
    """A question that strategies answered differently."""

    question: Question
    best: float
    high: tuple[int, ...]
    """Positions of the strategies that answered best."""
    worst: float
    low: tuple[int, ...]


def moved_most(comparison: Comparison, most: int) -> tuple[Moved, ...]:
    """Return the questions with the largest distance between two strategies, that first."""
    found = []
    for question in comparison.questions:
        values = {
            at: float(getattr(strategy.figures.questions[question.question_id], MAIN))
            for at, strategy in enumerate(comparison.strategies)
            if question.question_id in strategy.figures.questions
        }
        if not values:
            continue
        best, worst = max(values.values()), min(values.values())
        if best - worst > _TINY:
            high = tuple(at for at, value in values.items() if best - value <= _TINY)
            low = tuple(at for at, value in values.items() if value - worst <= _TINY)
            found.append(Moved(question, best, high, worst, low))
    return tuple(sorted(found, key=lambda each: each.worst - each.best)[:most])
