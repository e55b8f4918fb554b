from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from coco_core.configs import EmbeddingConfig, IndexingConfig
from coco_core.errors import InvalidConfig
from coco_core.plan import QueryPlan
from coco_experiments import Expected, Experiment, Question

QUESTION = Question("q1", "how is it started?", (Expected("a.md#setup"), Expected("b.md", 2.0)))


def experiment(**changes: object) -> Experiment:
    given: dict[str, object] = {
        "name": "first",
        "project_id": None,
        "path": "./docs",
        "indexes": (IndexingConfig("small"), IndexingConfig("long")),
        "queries": (
            QueryPlan("words", retrieval={"top_k": 7, "hybrid_alpha": 0.0}),
            QueryPlan("both", retrieval={"top_k": 5, "ranking": {"profile": "docs"}}),
        ),
        "questions": (QUESTION, Question("q2", "why?", (Expected("c.md"),), ("tag",), "en")),
        **changes,
    }
    return Experiment(**given)  # type: ignore[arg-type]


def test_plain_data_brings_the_same_experiment_back() -> None:
    plain = json.loads(json.dumps(experiment(k=3, seed=9).to_dict()))
    assert Experiment.from_dict(plain) == experiment(k=3, seed=9)
    assert Question.from_dict(json.loads(json.dumps(QUESTION.to_dict()))) == QUESTION


def test_the_cutoff_is_what_every_strategy_answers() -> None:
    assert experiment().cutoff == 5
    assert experiment(k=3).cutoff == 3
    assert experiment(queries=(QueryPlan("plain"),)).cutoff == 10


def test_the_fingerprint_is_of_what_decides_the_figures() -> None:
    same = experiment(name="second")
    assert same.fingerprint == experiment().fingerprint
    others = (
        experiment(path="./other"),
        experiment(seed=1),
        experiment(k=1),
        experiment(questions=(QUESTION,)),
        experiment(indexes=(IndexingConfig("small", embedding=EmbeddingConfig(max_tokens=64)),)),
    )
    prints = {each.fingerprint for each in (experiment(), *others)}
    assert len(prints) == len(others) + 1


@pytest.mark.parametrize(
    ("part", "change", "field", "says"),
    [
        ("experiment", {"path": None}, "path", "one of them"),
        ("experiment", {"project_id": "p"}, "path", "one of them"),
        ("experiment", {"indexing_strategies": []}, "indexing_strategies", "empty"),
        ("experiment", {"evaluation_set": []}, "evaluation_set", "empty"),
        ("experiment", {"k": 0}, "k", "least"),
        ("question", {"question_id": ""}, "question_id", "empty"),
        ("question", {"expected_doc_ids": []}, "expected_doc_ids", "empty"),
        ("question", {"expected_doc_ids": ["a", "a"]}, "expected_doc_ids[1]", "twice"),
        ("place", {"grade": 0}, "expected_doc_ids[0].grade", "above 0"),
        ("place", {"grade": float("nan")}, "expected_doc_ids[0].grade", "finite"),
        ("place", {"id": "#setup"}, "expected_doc_ids[0].id", "no document"),
        ("place", {"id": "./a.md"}, "expected_doc_ids[0].id", "write 'a.md'"),
        ("place", {"id": "a.md:9-3"}, "expected_doc_ids[0].id", "upwards"),
        ("place", {"id": "a.md:0"}, "expected_doc_ids[0].id", "first line is 1"),
        ("place", {"id": "a.md "}, "expected_doc_ids[0].id", "white space"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    part: str, change: dict[str, object], field: str, says: str
) -> None:
    if part == "place":
        change = {"expected_doc_ids": [{"id": "a.md", **change}]}
    plain = experiment() if part == "experiment" else QUESTION
    with pytest.raises(InvalidConfig, match=says) as caught:
        type(plain).from_dict({**plain.to_dict(), **change})
    assert caught.value.details["field"] == field


def test_ids_that_stand_twice_are_refused_where_they_are_built() -> None:
    with pytest.raises(ValidationError, match="twice") as caught:
        experiment(questions=(QUESTION, QUESTION))
    assert caught.value.errors()[0]["loc"] == ("evaluation_set", 1, "question_id")
