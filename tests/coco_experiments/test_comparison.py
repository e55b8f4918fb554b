from __future__ import annotations

import math
from dataclasses import replace

import pytest

from coco_core.configs import IndexingConfig
from coco_core.errors import InvalidConfig
from coco_core.plan import QueryPlan
from coco_experiments import (
    COSTS,
    AnswerRecord,
    Expected,
    Experiment,
    HitRecord,
    IndexResult,
    Question,
    Results,
    TargetRecord,
    best,
    compare,
    evaluate,
    group_questions,
)

QUESTIONS = (
    Question("q1", "one", (Expected("a"), Expected("b", 2.0)), ("easy", "code"), "python"),
    Question("q2", "two", (Expected("c"),), ("easy",)),
    Question("q3", "three", (Expected("d"),), (), "go"),
)
EXPERIMENT = Experiment(
    name="by hand",
    project_id="p",
    path=None,
    indexes=(IndexingConfig("i1"), IndexingConfig("i2")),
    queries=(QueryPlan("q", retrieval={"top_k": 3}), QueryPlan("r", retrieval={"top_k": 5})),
    questions=QUESTIONS,
)


def answered(
    index: str, query: str, question: str, found: str, took: float = 1.0, error: str | None = None
) -> AnswerRecord:
    hits = tuple(HitRecord(name, 1, 1, "", "", (), (), 0.1, "") for name in found)
    return AnswerRecord(index, query, question, took, hits=hits, error=error)


def results(*answers: AnswerRecord, indexes: tuple[IndexResult, ...] = ()) -> Results:
    target = TargetRecord("local", "http://127.0.0.1:1", "p", "name", None)
    return Results(EXPERIMENT, target, 0.0, None, indexes, answers)


def test_figures_by_hand() -> None:
    found = results(
        answered("i1", "q", "q1", "xbay", 10.0),
        answered("i1", "q", "q2", "xyzc", 20.0),
        answered("i1", "q", "q3", "d", 30.0),
        indexes=(IndexResult("i1", "f", 3, 9, 1.5, 4096, parsed=3),),
    )
    first, *others = evaluate(found)
    assert first.name == "i1/q"
    assert first.k == 3
    one = first.questions["q1"]
    assert (one.recall, one.precision, one.mrr, one.hit_rate) == (1.0, 2 / 3, 0.5, 1.0)
    ideal = 2 + 1 / math.log2(3)
    assert one.ndcg == pytest.approx((2 / math.log2(3) + 1 / math.log2(4)) / ideal)
    # The only answer to the second stands fourth, beyond the cut-off.
    assert first.questions["q2"].recall == first.questions["q2"].mrr == 0.0
    assert first.questions["q2"].relevance.gains == (0.0, 0.0, 0.0, 1.0)
    assert first.recall == pytest.approx(2 / 3)
    assert first.precision == pytest.approx((2 / 3 + 0 + 1 / 3) / 3)
    assert first.mrr == pytest.approx(0.5)
    assert first.hit_rate == pytest.approx(2 / 3)
    assert (first.p50_ms, first.index_seconds, first.index_bytes) == (20.0, 1.5, 4096)
    assert first.p99_ms == pytest.approx(29.8)
    assert [each.name for each in others] == ["i1/r", "i2/q", "i2/r"]
    assert all(each.value("recall") is None and each.p50_ms is None for each in others)
    assert evaluate(found, 4)[0].questions["q2"].recall == 1.0


def test_errors_gain_nothing_and_what_was_not_asked_is_left_out() -> None:
    (first, *_) = evaluate(
        results(
            answered("i1", "q", "q1", "ab", 5.0), answered("i1", "q", "q2", "", 900.0, "timed out")
        )
    )
    assert list(first.questions) == ["q1", "q2"]
    assert first.errors == 1
    assert first.recall == 0.5
    assert first.p95_ms == 5.0


def test_the_last_answer_to_a_question_counts() -> None:
    (first, *_) = evaluate(results(answered("i1", "q", "q2", "x"), answered("i1", "q", "q2", "c")))
    assert first.recall == 1.0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (answered("i9", "q", "q1", "a"), "index 'i9'"),
        (answered("i1", "z", "q1", "a"), "query strategy 'z'"),
        (answered("i1", "q", "q9", "a"), "question 'q9'"),
    ],
)
def test_answers_of_another_experiment_are_refused(answer: AnswerRecord, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        evaluate(results(answer))


def test_a_question_that_cannot_be_judged_is_named() -> None:
    lines = replace(EXPERIMENT, questions=(Question("q1", "?", (Expected("a:3-4"),)),))
    hit = HitRecord("a", None, None, "", "", (), (), 0.1, "")
    answer = AnswerRecord("i1", "q", "q1", 1.0, hits=(hit,))
    found = replace(results(answer), experiment=lines)
    with pytest.raises(InvalidConfig, match="question 'q1' cannot be judged") as caught:
        evaluate(found)
    assert caught.value.details == {"question_id": "q1"}


def test_differences_are_paired_by_question() -> None:
    asked = [each.question_id for each in QUESTIONS]
    first, second, _, fourth = evaluate(
        results(
            *(answered("i1", "q", name, "x") for name in asked),
            *(answered("i1", "r", name, found) for name, found in zip(asked, "bxd", strict=True)),
            answered("i2", "r", "q3", "d"),
        )
    )
    found = compare(first, second, "recall", seed=1)
    assert found is not None
    assert (found.questions, found.better, found.worse) == (3, 2, 0)
    assert found.interval.mean == pytest.approx(0.5)
    assert found.interval.low <= 0.5 <= found.interval.high
    # Of eight arrangements of signs two are as extreme, twice for the zero.
    assert found.p == pytest.approx(0.5, abs=0.02)
    assert found == compare(first, second, "recall", seed=1)
    alone = compare(first, fourth, "recall")
    assert alone is not None
    assert alone.questions == 1
    assert compare(first, fourth.of({"q1"}), "recall") is None


def test_groups() -> None:
    assert group_questions(QUESTIONS, "tag") == {
        "code": {"q1"},
        "easy": {"q1", "q2"},
        "": {"q3"},
    }
    by_language = group_questions(QUESTIONS, "language")
    assert list(by_language) == ["go", "python", ""]
    (first, *_) = evaluate(results(answered("i1", "q", "q2", "c"), answered("i1", "q", "q3", "x")))
    assert first.recall == 0.5
    assert first.of(by_language[""]).recall == 1.0
    assert first.of(by_language["go"]).recall == 0.0


def test_the_best_of_a_column() -> None:
    indexes = (
        IndexResult("i1", "f", 1, 1, 2.0, 100),
        IndexResult("i2", "g", 1, 1, None, 50),
    )
    metrics = evaluate(
        results(
            answered("i1", "q", "q2", "c", 3.0),
            answered("i1", "r", "q2", "c", 2.0),
            answered("i2", "q", "q2", "xc", 1.0),
            indexes=indexes,
        )
    )
    assert best(metrics, "mrr") == {0, 1}
    assert best(metrics, "recall") == {0, 1, 2}
    assert best(metrics, "p50_ms") == {2}
    assert best(metrics, "index_seconds") == {0, 1}
    assert best(metrics, "index_bytes") == {2, 3}
    assert all(best((), column) == frozenset() for column in COSTS)


def test_the_cutoff_must_be_one() -> None:
    with pytest.raises(InvalidConfig, match="k is 0"):
        evaluate(results(), 0)
