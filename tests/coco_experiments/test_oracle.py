"""The metrics against ir-measures, on rankings that nobody chose."""

from __future__ import annotations

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, P, R, Success, nDCG

from coco_core.configs import IndexingConfig
from coco_core.plan import QueryPlan
from coco_experiments import (
    AnswerRecord,
    Expected,
    Experiment,
    HitRecord,
    Question,
    Results,
    TargetRecord,
    evaluate,
)

# Few documents and many places, so that documents repeat, and some anchors are never found.
NAMES = [f"d{number}.md" for number in range(6)]
EXPECTED = st.dictionaries(
    st.sampled_from([*NAMES, "lost.md", "gone.md"]), st.integers(1, 4), min_size=1, max_size=6
)
RANKING = st.lists(st.sampled_from([*NAMES, "x.md", "y.md"]), max_size=14)
CASES = st.lists(st.tuples(EXPECTED, RANKING), min_size=1, max_size=5)


def as_results(cases: list[tuple[dict[str, int], list[str]]]) -> Results:
    questions = tuple(
        Question(str(at), "?", tuple(Expected(name, grade) for name, grade in wanted.items()))
        for at, (wanted, _) in enumerate(cases)
    )
    experiment = Experiment(
        name="random",
        project_id="p",
        indexes=(IndexingConfig("i"),),
        queries=(QueryPlan("q"),),
        questions=questions,
    )
    answers = tuple(
        AnswerRecord(
            "i",
            "q",
            str(at),
            1.0,
            hits=tuple(HitRecord(name, 1, 2, "", "", (), (), 0.0, "") for name in ranking),
        )
        for at, (_, ranking) in enumerate(cases)
    )
    target = TargetRecord("local", "http://127.0.0.1", "p", "p", None)
    return Results(experiment, target, 0.0, 1.0, (), answers)


def as_run(ranking: list[str]) -> list[str]:
    seen: set[str] = set()
    names = []
    for rank, name in enumerate(ranking):
        names.append(f"repeats-{rank}" if name in seen else name)
        seen.add(name)
    return names


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(cases=CASES, k=st.integers(1, 12))
def test_figures_are_those_of_ir_measures(
    cases: list[tuple[dict[str, int], list[str]]], k: int
) -> None:
    qrels = [
        ir_measures.Qrel(str(at), name, grade)
        for at, (wanted, _) in enumerate(cases)
        for name, grade in wanted.items()
    ]
    run = [
        ir_measures.ScoredDoc(str(at), name, float(len(ranking) - rank))
        for at, (_, ranking) in enumerate(cases)
        for rank, name in enumerate(as_run(ranking))
    ]
    measures = {
        "recall": R @ k,
        "precision": P @ k,
        "mrr": RR @ k,
        "ndcg": nDCG @ k,
        "hit_rate": Success @ k,
    }
    means = ir_measures.calc_aggregate(list(measures.values()), qrels, run)
    by_question = {
        (each.query_id, each.measure): each.value
        for each in ir_measures.iter_calc(list(measures.values()), qrels, run)
    }
    (metrics,) = evaluate(as_results(cases), k)
    for name, measure in measures.items():
        assert getattr(metrics, name) == pytest.approx(means[measure], abs=1e-9)
        for question_id, own in metrics.questions.items():
            theirs = by_question[(question_id, measure)]
            assert getattr(own, name) == pytest.approx(theirs, abs=1e-9)
