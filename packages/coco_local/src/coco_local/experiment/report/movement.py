"""Which questions moved most: where the choice of a strategy decides."""

from __future__ import annotations

from dataclasses import dataclass

from coco_core.experiments import Question
from coco_local.experiment.report.columns import MAIN
from coco_local.experiment.report.merging import Comparison

__all__ = ["Moved", "moved_most"]

# Figures that differ by less are equal but for the order of their sums.
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Moved:
    """A question that strategies answered differently."""

    question: Question
    high: int
    """Position of the strategy that answered best; of several the first."""
    best: float
    low: int
    worst: float


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
        high = max(values, key=values.__getitem__)
        low = min(values, key=values.__getitem__)
        if values[high] - values[low] > _TINY:
            found.append(Moved(question, high, values[high], low, values[low]))
    return tuple(sorted(found, key=lambda each: each.worst - each.best)[:most])
