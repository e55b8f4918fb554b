"""Experiments: strategies compared by one's own questions; pure, from the file to the figures."""

from __future__ import annotations

from coco_core.experiments.judging import Judgement, Retrieved, judge
from coco_core.experiments.results import Answered, HitRecord, IndexResult, Results, Target
from coco_core.experiments.spec import Expected, Experiment, Question

__all__ = [
    "Answered",
    "Expected",
    "Experiment",
    "HitRecord",
    "IndexResult",
    "Judgement",
    "Question",
    "Results",
    "Retrieved",
    "Target",
    "judge",
]
