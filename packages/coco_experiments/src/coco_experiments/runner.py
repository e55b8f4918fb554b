"""Runs an experiment: registers, builds what is missing, warms up, asks every question."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from coco_core.configs import IndexingConfig
from coco_core.errors import CocoError, Forbidden, Unavailable
from coco_core.plan import QueryPlan
from coco_core.search.request import SearchRequest
from coco_experiments.journal import Journal, journal_path
from coco_experiments.results import AnswerRecord, IndexResult, Results
from coco_experiments.results_file import read_results
from coco_experiments.retrieval import explicit_retrieval
from coco_experiments.spec import Experiment, Question
from coco_experiments.target import ExperimentTarget, ProgressListener

__all__ = ["run_experiment", "turns"]


def turns(experiment: Experiment) -> Iterator[tuple[Question, IndexingConfig, QueryPlan]]:
    """Yield every question with every strategy, question by question.

    A service remembers the vector of a question that it was asked before, so whoever is asked first
    pays for the others: with each question another strategy goes first.
    """
    strategies = [(index, plan) for index in experiment.indexes for plan in experiment.queries]
    for number, question in enumerate(experiment.questions):
        first = number % len(strategies)
        for index, plan in strategies[first:] + strategies[:first]:
            yield question, index, plan


def run_experiment(
    experiment: Experiment,
    target: ExperimentTarget,
    out: Path,
    listener: ProgressListener,
    *,
    resume: bool = False,
) -> Results:
    """Run an experiment and write its results to ``out``; what was seen stays when it is killed.

    Raises:
        InvalidConfig: a strategy cannot be asked.
        ConfigConflict: a config_id is taken by other content.
        Conflict: what is to be resumed is of another experiment, or what would be lost is there.
        Unavailable: the product has gone; ``resume`` goes on later.
    """
    for plan in experiment.queries:
        explicit_retrieval(plan)
    wanted = Results(experiment, target.record, time.time(), None, (), ())
    journal = _journal(wanted, out, listener, resume=resume)
    if journal is None:
        return read_results(out)
    run = _Run(experiment, target, journal, listener)
    try:
        run.build()
        run.ask()
        run.measure_sizes()
        return journal.finish(out, time.time())
    finally:
        journal.close()


def _journal(
    wanted: Results, out: Path, listener: ProgressListener, *, resume: bool
) -> Journal | None:
    """Return the journal to write, or None when everything was done before."""
    path = journal_path(out)
    if not resume:
        return Journal.begin(path, wanted)
    journal = Journal.resume(path, wanted)
    if journal is None and out.exists():
        done = read_results(out)
        if done.experiment.fingerprint != wanted.experiment.fingerprint:
            listener.info(f"{out} is of another experiment; this one begins.")
        elif done.target != wanted.target:
            listener.info(f"{out} asked another project; this run begins.")
        elif any(each.error for each in done.answers):
            # As if it had been interrupted: what failed is asked again.
            journal = Journal(path, replace(done, finished_at=None))
        else:
            listener.info(f"{out} is complete; nothing is asked again.")
            return None
    return journal or Journal.begin(path, wanted)


class _Run:
    def __init__(
        self,
        experiment: Experiment,
        target: ExperimentTarget,
        journal: Journal,
        listener: ProgressListener,
    ) -> None:
        self._experiment = experiment
        self._target = target
        self._journal = journal
        self._listener = listener
        self._needs_vectors = any(
            SearchRequest.of(plan.intent("?")).needs_vector for plan in experiment.queries
        )
        self._notices: set[str] = set()

    def build(self) -> None:
        """Make sure that every index is complete."""
        self._target.register(self._experiment.indexes)
        for config in self._experiment.indexes:
            self._listener.built(self._build(config))

    def _build(self, config: IndexingConfig) -> IndexResult:
        before = self._journal.indexes.get(config.config_id)
        there = self._target.built(config, vectors=self._needs_vectors)
        if there is not None and before is not None and _same(before, there):
            return before
        gone = sum(key[0] == config.config_id for key in self._journal.answers)
        if gone:
            self._listener.info(
                f"The index {config.config_id!r} is not the one that was asked before; its "
                f"{gone:,} answers are asked for again."
            )
        index = there or self._target.build(config, self._listener, vectors=self._needs_vectors)
        self._journal.add_index(index)
        return index

    def ask(self) -> None:
        """Ask what is not answered yet."""
        answered = {key for key, each in self._journal.answers.items() if each.error is None}
        missing = [
            (question, index, plan)
            for question, index, plan in turns(self._experiment)
            if (index.config_id, plan.query_config_id, question.question_id) not in answered
        ]
        if answered and missing:
            self._listener.info(
                f"{len(answered):,} answers were there; {len(missing):,} questions are asked."
            )
        if not missing:
            return
        self._warm_up()
        for done, (question, index, plan) in enumerate(missing):
            self._listener.asking(done, len(missing))
            self._journal.add_answer(self._answer(question, index, plan))
        self._listener.asking(len(missing), len(missing))

    def measure_sizes(self) -> None:
        """Take the sizes of indexes that were built: now everything of them is on disk."""
        for config in self._experiment.indexes:
            index = self._journal.indexes[config.config_id]
            if index.seconds is not None:
                self._journal.indexes[config.config_id] = replace(
                    index, bytes=self._target.size(config.config_id)
                )

    def _warm_up(self) -> None:
        """Ask every strategy once, unmeasured: the first query of an index loads it."""
        question = self._experiment.questions[0]
        for index in self._experiment.indexes:
            for plan in self._experiment.queries:
                self._answer(question, index, plan)

    def _answer(self, question: Question, index: IndexingConfig, plan: QueryPlan) -> AnswerRecord:
        empty = AnswerRecord(index.config_id, plan.query_config_id, question.question_id, 0.0)
        began = time.perf_counter()
        try:
            answer = self._target.ask(index.config_id, plan, question.query)
        except Forbidden:
            # No other question would be answered either.
            raise
        except CocoError as error:
            if isinstance(error, Unavailable):
                # A question that takes too long is its own failure; a product that is gone is not.
                self._target.check()
            took = 1000 * (time.perf_counter() - began)
            return replace(empty, milliseconds=round(took, 3), error=str(error))
        if answer.notice is not None and answer.notice not in self._notices:
            self._notices.add(answer.notice)
            self._listener.warn(f"{index.config_id}: {answer.notice}")
        return replace(
            empty,
            milliseconds=answer.milliseconds,
            engine={name: float(value) for name, value in answer.engine.items()},
            hits=answer.hits,
        )


def _same(before: IndexResult, now: IndexResult) -> bool:
    """Whether answers of before are of this index: files may have changed since."""
    return (before.version_id, before.documents, before.chunks) == (
        now.version_id,
        now.documents,
        now.chunks,
    )
