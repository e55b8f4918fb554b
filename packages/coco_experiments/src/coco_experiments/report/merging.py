"""Merge of several results files, over the questions that all of them asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coco_core.errors import InvalidInput
from coco_core.quantities import count
from coco_experiments import Question, Results
from coco_experiments.comparison import StrategyMetrics, evaluate
from coco_experiments.problems import suggestions
from coco_experiments.report.columns import MAIN

__all__ = ["Comparison", "ResultsSource", "Strategy", "merge"]


@dataclass(frozen=True, slots=True)
class ResultsSource:
    """A results file under the name that tells it from the others."""

    name: str
    results: Results


@dataclass(frozen=True, slots=True)
class Strategy:
    """A query strategy on an index, under a name that only it has in the comparison."""

    name: str
    """``INDEX/QUERY``, or ``FILE:INDEX/QUERY`` where several files have that."""
    index: str
    """The index, told from others of the same id likewise."""
    metrics: StrategyMetrics
    source: ResultsSource


@dataclass(frozen=True, slots=True)
class Comparison:
    """Strategies judged by the same questions."""

    sources: tuple[ResultsSource, ...]
    strategies: tuple[Strategy, ...]
    questions: tuple[Question, ...]
    k: int
    notes: tuple[str, ...]
    """What a reader must know to judge the metrics."""

    @property
    def seed(self) -> int:
        """What the statistics draw from."""
        return self.sources[0].results.experiment.seed

    @property
    def best(self) -> int:
        """Position of the best strategy; among equals the quickest."""
        return min(range(len(self.strategies)), key=lambda at: _rank(self.strategies[at].metrics))

    def position(self, name: str) -> int:
        """Return where a strategy stands.

        Raises:
            InvalidInput: there is none of that name.
        """
        names = [strategy.name for strategy in self.strategies]
        if name not in names:
            raise InvalidInput(
                f"The results hold no strategy {name!r}.",
                hint=f"A strategy is named INDEX/QUERY. {suggestions(name, names)}",
            )
        return names.index(name)


def _rank(metrics: StrategyMetrics) -> tuple[float, float]:
    value, latency = metrics.value(MAIN), metrics.p50_ms
    return (
        1.0 if value is None else -round(value, 12),
        float("inf") if latency is None else latency,
    )


def merge(sources: Sequence[ResultsSource], k: int | None = None) -> Comparison:
    """Judge all strategies of all files at one cut-off, by the questions that the files share.

    Raises:
        InvalidInput: the files have no question in common, or no answer to any.
        InvalidConfig: answers that cannot be judged.
    """
    questions = _shared(sources)
    cutoff = k or min(source.results.experiment.cutoff for source in sources)
    asked = {question.question_id for question in questions}
    judged = [
        (source, metrics.of(asked))
        for source in sources
        for metrics in evaluate(source.results, cutoff)
    ]
    if not any(metrics.questions for _, metrics in judged):
        raise InvalidInput(
            "The results hold no answers yet.",
            hint="Go on: coco experiment run FILE --resume",
        )
    names = Counter(metrics.name for _, metrics in judged)
    indexes = Counter(
        index.config_id for source in sources for index in source.results.experiment.indexes
    )
    strategies = tuple(
        Strategy(
            name=_told_apart(metrics.name, source, names),
            index=_told_apart(metrics.index_id, source, indexes),
            metrics=metrics,
            source=source,
        )
        for source, metrics in judged
    )
    notes = (*_on_files(sources, questions, cutoff, k), *_on_strategies(strategies, questions))
    return Comparison(tuple(sources), strategies, questions, cutoff, notes)


def _told_apart(name: str, source: ResultsSource, counts: Counter[str]) -> str:
    return f"{source.name}:{name}" if counts[name] > 1 else name


def _shared(sources: Sequence[ResultsSource]) -> tuple[Question, ...]:
    first, *others = (source.results.experiment.questions for source in sources)
    known = [{question.question_id: _content(question) for question in each} for each in others]
    shared = tuple(
        question
        for question in first
        if all(each.get(question.question_id) == _content(question) for each in known)
    )
    if not shared:
        raise InvalidInput(
            f"The results of {sources[0].name} and {sources[-1].name} share no question.",
            hint="Compare results of one question set.",
        )
    return shared


def _content(question: Question) -> tuple[object, ...]:
    """Return what decides the metrics of a question."""
    return question.query, frozenset(question.expected)


def _on_files(
    sources: Sequence[ResultsSource], questions: Sequence[Question], cutoff: int, given: int | None
) -> Iterator[str]:
    for source in sources:
        left_out = len(source.results.experiment.questions) - len(questions)
        if left_out:
            yield (
                f"{count(left_out, 'question')} of {source.name} left out: only what stands in "
                "every file alike can be compared."
            )
        if source.results.finished_at is None:
            yield f"{source.name} is not finished; `coco experiment run --resume` goes on."
    cutoffs = {source.results.experiment.cutoff for source in sources}
    if given is None and len(cutoffs) > 1:
        yield f"The files have different cut-offs; all are judged at k = {cutoff}, the smallest."
    projects = {source.results.target.project_name for source in sources}
    if len(projects) > 1:
        yield f"The files are of different projects: {', '.join(sorted(projects))}."
    for source in sources:
        for plan in source.results.experiment.queries:
            top_k = plan.intent("?").top_k
            if top_k < cutoff:
                yield (
                    f"{plan.query_config_id} was asked for {count(top_k, 'hit')} only; "
                    f"metrics at k = {cutoff} take what is missing for not found."
                )


def _on_strategies(strategies: Sequence[Strategy], questions: Sequence[Question]) -> Iterator[str]:
    short = [each for each in strategies if len(each.metrics.questions) < len(questions)]
    if short:
        yield (
            f"{_named(short)} not asked all {count(len(questions), 'question')}: "
            "such means cannot be compared."
        )
    failed = [each for each in strategies if each.metrics.errors]
    if failed:
        answers = sum(each.metrics.errors for each in failed)
        yield (
            f"{_named(failed)} without {count(answers, 'answer')} because of errors; "
            "those count as nothing found."
        )


# More names than this are a list that nobody reads.
_NAMED = 3


def _named(strategies: Sequence[Strategy]) -> str:
    if len(strategies) > _NAMED:
        return f"{len(strategies):,} strategies were"
    names = [each.name for each in strategies]
    return f"{' and '.join(names)} {'was' if len(names) == 1 else 'were'}"
