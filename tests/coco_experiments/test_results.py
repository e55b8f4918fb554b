from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from coco_core.configs import IndexingConfig
from coco_core.errors import InvalidConfig
from coco_core.plan import QueryPlan
from coco_experiments import (
    AnswerRecord,
    Expected,
    Experiment,
    HitRecord,
    IndexResult,
    Question,
    Results,
    TargetRecord,
)

RESULTS = Results(
    experiment=Experiment(
        name="x",
        project_id=None,
        path="./docs",
        indexes=(IndexingConfig("i"),),
        queries=(QueryPlan("q", retrieval={"top_k": 2}),),
        questions=(Question("q1", "why?", (Expected("a.md#b"),)),),
    ),
    target=TargetRecord("local", "http://127.0.0.1:4000", "p1", "docs", "/home/me/docs"),
    started_at=1000.5,
    finished_at=None,
    indexes=(IndexResult("i", "f00", 3, 9, 1.25, 4096, parsed=3, copied=0, embedded=9, reused=0),),
    answers=(
        AnswerRecord(
            index_id="i",
            query_id="q",
            question_id="q1",
            milliseconds=2.5,
            engine={"total": 1.5, "embed": 1},
            hits=(
                HitRecord("a.md", 3, 9, "", "b", ("A", "B"), ("b",), 0.75, "text"),
                HitRecord("c", None, None, "App.run", "App.run", (), (), -1.0, ""),
            ),
        ),
        AnswerRecord("i", "q", "q1", 7.0, error="the service went away"),
    ),
)


def plain() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(RESULTS.to_dict()))
    return data


def test_a_file_brings_the_same_results_back() -> None:
    assert Results.from_dict(plain()) == RESULTS
    assert plain()["format"] == 1


HIT = ("answers", 0, "hits", 0)
QUERY = ("experiment", "evaluation_set", 0, "query")


def put(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        *before, last = path
        for step in before:
            data = data[step]
        data[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        (put("format", value=2), "format", "is 2; this program reads format 1"),
        (put("target", "product", value="cloud"), "target.product", "Known: local, server"),
        (put("target", value=None), "target", "null is not a mapping"),
        (put("started_at", value="now"), "started_at", "not a number"),
        (put("indexes", 0, "chunks", value=-1), "indexes[0].chunks", "0 is the least"),
        (put("indexes", value={}), "indexes", "a mapping is not a list"),
        (put("answers", 1, "error", value=3), "answers[1].error", "not a text"),
        (put("answers", 0, "engine", "total", value="x"), "answers[0].engine.total", "number"),
        (put("answers", 0, "hits", 1, "score", value=None), "answers[0].hits[1].score", "null"),
        (put(*HIT, "definitions", value=[1]), "answers[0].hits[0].definitions[0]", "text"),
        (put(*HIT, "rank", value=1), "answers[0].hits[0].rank", "unknown"),
        (put("experiment", "seed", value=None), "experiment.seed", "null is not a whole number"),
        (put(*QUERY, value=""), "experiment.evaluation_set[0].query", "empty"),
    ],
)
def test_bad_files_are_refused_with_the_field(
    change: Callable[[dict[str, Any]], None], field: str, says: str
) -> None:
    data = plain()
    change(data)
    with pytest.raises(InvalidConfig) as caught:
        Results.from_dict(data)
    assert caught.value.message.startswith(f"{field}: ")
    assert says in caught.value.message
    assert caught.value.details["field"] == field


@pytest.mark.parametrize("data", [[], None, "x", {"format": 1}])
def test_what_is_no_results_file_at_all(data: Any) -> None:
    with pytest.raises(InvalidConfig):
        Results.from_dict(data)
