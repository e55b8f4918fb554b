"""The order of questions, what is asked once and never twice, and errors that are told apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coco_core.configs import IndexingConfig
from coco_core.errors import (
    Conflict,
    Forbidden,
    InvalidConfig,
    InvalidIntent,
    ModelMissing,
    Unavailable,
)
from coco_core.plan import QueryPlan
from coco_experiments.journal import journal_path
from coco_experiments.results import IndexResult
from coco_experiments.results_file import read_results
from coco_experiments.runner import run_experiment, turns
from coco_experiments.target import ProgressListener
from tests.experiment_parts import TARGET, RecordedProgress, TableTarget, experiment

STRATEGIES = 4
QUESTIONS = 3


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def test_no_strategy_always_goes_first() -> None:
    every = list(turns(experiment()))
    assert len(every) == len({(q.question_id, i.config_id, p.query_config_id) for q, i, p in every})
    assert len(every) == STRATEGIES * QUESTIONS
    firsts = [every[at * STRATEGIES][1:] for at in range(QUESTIONS)]
    assert len(firsts) == len({(i.config_id, p.query_config_id) for i, p in firsts})
    assert [q.question_id for q, _, _ in every[:STRATEGIES]] == ["q1"] * STRATEGIES


def test_every_question_is_asked_once_after_an_unmeasured_warm_up(out: Path) -> None:
    target, progress = TableTarget(), RecordedProgress()
    results = run_experiment(experiment(), target, out, progress)
    assert target.builds == ["sections", "windows"]
    asked = Counter(target.asked)
    assert asked[("sections", "keywords", "on which port does it listen")] == 2
    assert sum(asked.values()) == STRATEGIES * (QUESTIONS + 1)
    assert len(results.answers) == STRATEGIES * QUESTIONS
    assert read_results(out) == results
    assert results.finished_at is not None and results.finished_at >= results.started_at
    assert not journal_path(out).exists()
    assert progress.counts[-1] == (12, 12)
    # What was on disk when the last vector came is not all.
    assert [each.bytes for each in results.indexes] == [250, 250]
    # In the order of the experiment, whatever the order they were asked in.
    assert [a.question_id for a in results.answers[:3]] == ["q1", "q2", "q3"]
    assert results.answers[0].hits[0].excerpt == "on which port does it listen"


def test_an_index_that_is_there_is_not_built(out: Path) -> None:
    target = TableTarget()
    run_experiment(experiment(), target, out, RecordedProgress())
    again = TableTarget(complete=dict(target.complete))
    results = run_experiment(experiment(), again, out, RecordedProgress())
    assert again.builds == []
    assert len(results.answers) == STRATEGIES * QUESTIONS


def test_errors_of_questions_are_recorded_and_asked_again_on_demand(out: Path) -> None:
    def fails(index: str, plan: str, question: str) -> Exception | None:
        bad = index == "windows" and plan == "hybrid" and "memory" in question
        return InvalidIntent("no such thing") if bad else None

    results = run_experiment(experiment(), TableTarget(fails=fails), out, RecordedProgress())
    failed = [a for a in results.answers if a.error]
    assert [(a.index_id, a.query_id, a.question_id) for a in failed] == [
        ("windows", "hybrid", "q3")
    ]
    assert failed[0].error == "no such thing"
    assert not failed[0].hits

    target = TableTarget(complete={each.config_id: each for each in results.indexes})
    mended = run_experiment(experiment(), target, out, RecordedProgress(), resume=True)
    assert not any(a.error for a in mended.answers)
    assert len(target.asked) == STRATEGIES + 1
    assert [a for a in mended.answers if not a.error][:8] == list(results.answers[:8])


def test_a_complete_run_is_not_run_again(out: Path) -> None:
    first = run_experiment(experiment(), TableTarget(), out, RecordedProgress())
    target, progress = TableTarget(), RecordedProgress()
    assert run_experiment(experiment(), target, out, progress, resume=True) == first
    assert target.asked == target.builds == []
    assert "complete" in progress.notes[0]


def interrupted(out: Path, after: int) -> TableTarget:
    """Run until the product has gone for good."""
    target = TableTarget()

    def fails(index: str, plan: str, question: str) -> Exception | None:
        target.gone = len(target.asked) > STRATEGIES + after
        return Unavailable("no answer") if target.gone else None

    target.fails = fails
    with pytest.raises(ConnectionAbortedError):
        run_experiment(experiment(), target, out, RecordedProgress())
    return target


def test_a_product_that_is_gone_ends_the_run_and_resume_goes_on(out: Path) -> None:
    target = interrupted(out, after=5)
    assert not out.exists()
    survivor = TableTarget(complete=target.complete)
    progress = RecordedProgress()
    results = run_experiment(experiment(), survivor, out, progress, resume=True)
    assert survivor.builds == []
    assert len(survivor.asked) == STRATEGIES + STRATEGIES * QUESTIONS - 5
    assert progress.notes == ["5 answers were there; 7 questions are asked."]
    assert len(results.answers) == STRATEGIES * QUESTIONS
    assert not any(a.error for a in results.answers)


def test_a_run_that_would_lose_answers_is_refused(out: Path) -> None:
    interrupted(out, after=5)
    with pytest.raises(Conflict, match="5 answers"):
        run_experiment(experiment(), TableTarget(), out, RecordedProgress())
    # Another experiment has nothing to lose there.
    run_experiment(experiment(seed=1), TableTarget(), out, RecordedProgress())


def test_another_experiment_and_another_project_are_not_resumed(out: Path) -> None:
    interrupted(out, after=5)
    with pytest.raises(Conflict, match="other strategies or questions"):
        run_experiment(experiment(seed=1), TableTarget(), out, RecordedProgress(), resume=True)
    other = TableTarget(record=replace(TARGET, project_id="p2"))
    with pytest.raises(Conflict, match="'p2'"):
        run_experiment(experiment(), other, out, RecordedProgress(), resume=True)
    # The name decides no figure.
    target = TableTarget()
    run_experiment(experiment(name="renamed"), target, out, RecordedProgress(), resume=True)


@pytest.mark.parametrize("change", [{"version_id": "v2"}, {"chunks": 10}])
def test_answers_of_an_index_that_was_replaced_are_asked_for_again(
    out: Path, change: dict[str, Any]
) -> None:
    target = interrupted(out, after=12 - 1)
    changed = dict(target.complete)
    changed["windows"] = replace(changed["windows"], **change)
    survivor, progress = TableTarget(complete=changed), RecordedProgress()
    results = run_experiment(experiment(), survivor, out, progress, resume=True)
    measured = survivor.asked[STRATEGIES:]
    assert {index for index, _, _ in measured} >= {"windows"}
    assert Counter(index for index, _, _ in measured)["windows"] == 6
    assert "not the one that was asked before" in progress.notes[0]
    assert results.indexes[0] == replace(target.complete["sections"], bytes=250)
    assert results.indexes[1] == replace(changed["windows"], bytes=250)


def test_a_refused_key_ends_the_run_at_once(out: Path) -> None:
    target = TableTarget(fails=lambda *_: Forbidden("not yours"))
    with pytest.raises(Forbidden):
        run_experiment(experiment(), target, out, RecordedProgress())
    assert len(target.asked) == 1


def test_a_slow_question_is_its_own_failure(out: Path) -> None:
    target = TableTarget(
        fails=lambda index, plan, q: Unavailable("too slow") if "port" in q else None
    )
    results = run_experiment(experiment(), target, out, RecordedProgress())
    assert sum(a.error is not None for a in results.answers) == STRATEGIES


def test_a_strategy_that_cannot_be_asked_is_refused_before_anything_is_built(out: Path) -> None:
    tight = QueryPlan("tight", retrieval={"max_tokens": 10})
    target = TableTarget()
    with pytest.raises(InvalidConfig, match=r"'tight'.*max_tokens"):
        run_experiment(replace(experiment(), queries=(tight,)), target, out, RecordedProgress())
    assert target.builds == []
    assert not journal_path(out).exists()


def test_a_run_that_saw_nothing_leaves_nothing(out: Path) -> None:
    class Unbuildable(TableTarget):
        def build(
            self, config: IndexingConfig, listener: ProgressListener, *, vectors: bool
        ) -> IndexResult:
            raise ModelMissing("no model")

    with pytest.raises(ModelMissing):
        run_experiment(experiment(), Unbuildable(), out, RecordedProgress())
    assert not list(out.parent.iterdir())
