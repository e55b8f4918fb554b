"""Experiments: strategies compared by one's own questions, from the file to the figures."""

from __future__ import annotations

from coco_experiments.comparison import (
    COSTS,
    METRICS,
    Column,
    Cost,
    Difference,
    GroupBy,
    Metric,
    QuestionFigures,
    StrategyFigures,
    best,
    compare,
    evaluate,
    group_questions,
)
from coco_experiments.generate import PROPOSAL_KINDS, ProposalKind, propose
from coco_experiments.reading import (
    ExperimentFile,
    read_experiment,
    read_experiment_file,
    read_questions,
)
from coco_experiments.relevance import Judgement, Retrieved, judge
from coco_experiments.results import AnswerRecord, HitRecord, IndexResult, Results, TargetRecord
from coco_experiments.spec import Expected, Experiment, Question

__all__ = [
    "COSTS",
    "METRICS",
    "PROPOSAL_KINDS",
    "AnswerRecord",
    "Column",
    "Cost",
    "Difference",
    "Expected",
    "Experiment",
    "ExperimentFile",
    "GroupBy",
    "HitRecord",
    "IndexResult",
    "Judgement",
    "Metric",
    "ProposalKind",
    "Question",
    "QuestionFigures",
    "Results",
    "Retrieved",
    "StrategyFigures",
    "TargetRecord",
    "best",
    "compare",
    "evaluate",
    "group_questions",
    "judge",
    "propose",
    "read_experiment",
    "read_experiment_file",
    "read_questions",
]
