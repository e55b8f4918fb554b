from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from coco_core.configs import EmbeddingConfig, IndexingConfig
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


def test_ids_that_stand_twice_are_refused_where_they_are_built() -> None:
    with pytest.raises(ValidationError, match="twice") as caught:
        experiment(questions=(QUESTION, QUESTION))
    assert caught.value.errors()[0]["loc"] == ("evaluation_set", 1, "question_id")
