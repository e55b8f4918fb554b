"""Metrics by question and by strategy, and whether two strategies differ."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from coco_core.errors import InvalidConfig
from coco_core.metrics import (
    Interval,
    average,
    bootstrap_interval,
    hit_rate_at,
    ndcg_at,
    percentile,
    permutation_p,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from coco_experiments.relevance import Relevance, judge_relevance
from coco_experiments.results import AnswerRecord, IndexResult, Results
from coco_experiments.spec import Experiment, Question

__all__ = [
    "COSTS",
    "METRICS",
    "Column",
    "Cost",
    "Difference",
    "GroupBy",
    "Metric",
    "QuestionMetrics",
    "StrategyMetrics",
    "best",
    "compare",
    "evaluate",
    "group_questions",
]

Metric: TypeAlias = Literal["recall", "precision", "mrr", "ndcg", "hit_rate"]
Cost: TypeAlias = Literal["p50_ms", "p95_ms", "p99_ms", "index_seconds", "index_bytes"]
Column: TypeAlias = Metric | Cost
GroupBy: TypeAlias = Literal["tag", "language"]

METRICS: tuple[Metric, ...] = get_args(Metric)
"""Of quality: more is better."""
COSTS: tuple[Cost, ...] = get_args(Cost)
"""Less is better."""


@dataclass(frozen=True, slots=True)
class QuestionMetrics:
    """How well one strategy answered one question; metrics are 0 to 1, at the cut-off."""

    question_id: str
    recall: float
    precision: float
    mrr: float
    """Reciprocal rank of the first relevant hit."""
    ndcg: float
    hit_rate: float
    milliseconds: float | None
    """Round trip; ``None`` without an answer."""
    relevance: Relevance
    """Of all hits, also those beyond the cut-off."""
    error: str | None = None
    """Why there is no answer; it counts as one that holds nothing relevant."""


@dataclass(frozen=True, slots=True)
class StrategyMetrics:
    """One query strategy on one index; the means are over the questions that it was asked."""

    index_id: str
    query_id: str
    k: int
    index: IndexResult | None
    """``None`` while the index is not built."""
    questions: Mapping[str, QuestionMetrics]
    """By question id, in the order of the experiment."""

    @property
    def name(self) -> str:
        """``INDEX/QUERY``."""
        return f"{self.index_id}/{self.query_id}"

    @property
    def errors(self) -> int:
        """Questions without an answer."""
        return sum(each.error is not None for each in self.questions.values())

    @property
    def recall(self) -> float:
        """Mean share of the expected anchors among the first ``k`` hits."""
        return self.mean("recall")

    @property
    def precision(self) -> float:
        """Mean share of the first ``k`` places that hold something expected and new."""
        return self.mean("precision")

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank of the first expected hit among the first ``k``."""
        return self.mean("mrr")

    @property
    def ndcg(self) -> float:
        """Mean normalized discounted cumulative gain of the first ``k``."""
        return self.mean("ndcg")

    @property
    def hit_rate(self) -> float:
        """Share of the questions with anything expected among the first ``k``."""
        return self.mean("hit_rate")

    @property
    def p50_ms(self) -> float | None:
        """Median of the round trips; ``None`` without answers, as the other percentiles."""
        return self._percentile(0.5)

    @property
    def p95_ms(self) -> float | None:
        """95th percentile of the round trips."""
        return self._percentile(0.95)

    @property
    def p99_ms(self) -> float | None:
        """99th percentile of the round trips."""
        return self._percentile(0.99)

    @property
    def index_seconds(self) -> float | None:
        """What building the index took; ``None`` when it was there before."""
        return self.index.seconds if self.index is not None else None

    @property
    def index_bytes(self) -> int | None:
        """The index on disk; ``None`` where it is unknown."""
        return self.index.bytes if self.index is not None else None

    def mean(self, metric: Metric) -> float:
        """Return a metric's mean over the questions."""
        return average([getattr(each, metric) for each in self.questions.values()])

    def value(self, column: Column) -> float | None:
        """Return a figure by its name; ``None`` where there is none."""
        value: float | None = getattr(self, column)
        return value if self.questions or column not in METRICS else None

    def of(self, question_ids: Collection[str]) -> StrategyMetrics:
        """Return the metrics of some questions only."""
        kept = {name: each for name, each in self.questions.items() if name in question_ids}
        return replace(self, questions=kept)

    def _percentile(self, share: float) -> float | None:
        times = [each.milliseconds for each in self.questions.values()]
        known = [each for each in times if each is not None]
        return percentile(known, share) if known else None


def evaluate(results: Results, k: int | None = None) -> tuple[StrategyMetrics, ...]:
    """Return the metrics of every strategy, in the order of the experiment.

    A question that was not asked yet is left out; one that failed counts as answered with nothing.

    Args:
        results: what was answered; several answers to one question: the last counts.
        k: cut-off of the metrics; by default the experiment's.

    Raises:
        InvalidConfig: an answer belongs to no question or strategy, or cannot be judged.
    """
    experiment = results.experiment
    cutoff = experiment.cutoff if k is None else k
    if cutoff < 1:
        raise InvalidConfig(f"k is {cutoff}; 1 is the least.")
    answers = {(each.index_id, each.query_id, each.question_id): each for each in results.answers}
    _refuse_strangers(answers, experiment)
    built = {each.config_id: each for each in results.indexes}
    return tuple(
        StrategyMetrics(
            index.config_id,
            query.query_config_id,
            cutoff,
            built.get(index.config_id),
            {
                question.question_id: _metrics(question, answers[key], cutoff)
                for question in experiment.questions
                if (key := (index.config_id, query.query_config_id, question.question_id))
                in answers
            },
        )
        for index in experiment.indexes
        for query in experiment.queries
    )


def _refuse_strangers(keys: Iterable[tuple[str, str, str]], experiment: Experiment) -> None:
    indexes = {each.config_id for each in experiment.indexes}
    queries = {each.query_config_id for each in experiment.queries}
    questions = {each.question_id for each in experiment.questions}
    for index_id, query_id, question_id in keys:
        for what, name, known in (
            ("index", index_id, indexes),
            ("query strategy", query_id, queries),
            ("question", question_id, questions),
        ):
            if name not in known:
                raise InvalidConfig(
                    f"The results hold an answer for the {what} {name!r}, "
                    "which their experiment does not have.",
                    hint="Run the experiment anew.",
                )


def _metrics(question: Question, answer: AnswerRecord, k: int) -> QuestionMetrics:
    try:
        judged = judge_relevance(question.expected, answer.hits)
    except InvalidConfig as error:
        raise InvalidConfig(
            f"The question {question.question_id!r} cannot be judged: {error.message}",
            hint=error.hint,
            details={"question_id": question.question_id},
        ) from error
    return QuestionMetrics(
        question_id=question.question_id,
        recall=recall_at(k, judged.found, len(question.expected)),
        precision=precision_at(k, judged.gains),
        mrr=reciprocal_rank(judged.gains[:k]),
        ndcg=ndcg_at(k, judged.gains, judged.ideal),
        hit_rate=hit_rate_at(k, judged.gains),
        milliseconds=answer.milliseconds if answer.error is None else None,
        relevance=judged,
        error=answer.error,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second strategy is than the first, over the questions both answered."""

    metric: Metric
    interval: Interval
    """Mean of second - first, with its 95 % paired bootstrap interval."""
    p: float
    """Two-sided, of the paired permutation test."""
    questions: int
    better: int
    """Questions at which the second is better."""
    worse: int


def compare(
    first: StrategyMetrics, second: StrategyMetrics, metric: Metric, seed: int = 0
) -> Difference | None:
    """Compare two strategies question by question; ``None`` when no question was put to both."""
    shared = [name for name in first.questions if name in second.questions]
    if not shared:
        return None
    before: list[float] = [getattr(first.questions[name], metric) for name in shared]
    after: list[float] = [getattr(second.questions[name], metric) for name in shared]
    pairs = list(zip(before, after, strict=True))
    return Difference(
        metric=metric,
        interval=bootstrap_interval(before, after, seed=seed),
        p=permutation_p(before, after, seed=seed),
        questions=len(shared),
        better=sum(new > old and not math.isclose(new, old) for old, new in pairs),
        worse=sum(new < old and not math.isclose(new, old) for old, new in pairs),
    )


def group_questions(questions: Sequence[Question], by: GroupBy) -> dict[str, frozenset[str]]:
    """Return question ids by tag or language, names in order; a question may have several tags.

    Questions without any stand under the empty name, last.
    """
    groups: dict[str, set[str]] = {}
    for question in questions:
        names = question.tags if by == "tag" else (question.language,)
        for name in names or ("",):
            groups.setdefault(name, set()).add(question.question_id)
    ordered = sorted(groups, key=lambda name: (not name, name))
    return {name: frozenset(groups[name]) for name in ordered}


def best(strategies: Sequence[StrategyMetrics], column: Column) -> frozenset[int]:
    """Return the positions of the best of a column; ties are all best, and nothing of nothing."""
    values = [each.value(column) for each in strategies]
    known = [value for value in values if value is not None]
    if not known:
        return frozenset()
    top = max(known) if column in METRICS else min(known)
    return frozenset(
        at
        for at, value in enumerate(values)
        # Equal metrics may differ in the last bit by the order of their sums.
        if value is not None and math.isclose(value, top, rel_tol=1e-9, abs_tol=1e-12)
    )
