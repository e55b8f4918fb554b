"""Experiments: strategies compared by one's own questions, from the file to the metrics."""

from __future__ import annotations

from coco_experiments.comparison import (
    COSTS,
    METRICS,
    Column,
    Cost,
    Difference,
    GroupBy,
    Metric,
    QuestionMetrics,
    StrategyMetrics,
    best,
    compare,
    evaluate,
    group_questions,
)
from coco_experiments.generate import QUESTION_KINDS, QuestionKind, generate_questions
from coco_experiments.reading import (
    ExperimentFile,
    read_experiment,
    read_experiment_file,
    read_questions,
)
from coco_experiments.relevance import Relevance, Retrieved, judge_relevance
from coco_experiments.results import AnswerRecord, HitRecord, IndexResult, Results, TargetRecord
from coco_experiments.spec import Expected, Experiment, Question

__all__ = [
    "COSTS",
    "METRICS",
    "QUESTION_KINDS",
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
    "Metric",
    "Question",
    "QuestionKind",
    "QuestionMetrics",
    "Relevance",
    "Results",
    "Retrieved",
    "StrategyMetrics",
    "TargetRecord",
    "best",
    "compare",
    "evaluate",
    "generate_questions",
    "group_questions",
    "judge_relevance",
    "read_experiment",
    "read_experiment_file",
    "read_questions",
]
