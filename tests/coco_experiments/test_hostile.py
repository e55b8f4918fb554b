"""Whatever stands in a file, reading it ends with what was read or with `InvalidConfig`."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

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
    read_experiment,
    read_questions,
)

EXPERIMENT = Experiment(
    name="x",
    project_id=None,
    path=".",
    indexes=(IndexingConfig("i"),),
    queries=(
        QueryPlan(
            "q",
            retrieval={
                "top_k": 3,
                "ranking": {"profile": "docs"},
                "filters": {"kinds": ["method"], "include": ["*.py"]},
                "reranker": {"model_name": "m"},
            },
        ),
    ),
    questions=(Question("1", "?", (Expected("a"), Expected("b", 2.0)), ("t",), "en"),),
)
RESULTS = Results(
    EXPERIMENT,
    TargetRecord("local", "http://127.0.0.1", "p", "p", None),
    1.0,
    None,
    (IndexResult("i", "f", 1, 2, 1.0, 3),),
    (
        AnswerRecord(
            "i", "q", "1", 1.0, {"a": 1.0}, (HitRecord("a", 1, 2, "", "", (), (), 1.0, ""),)
        ),
    ),
)

ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = data.items() if isinstance(data, dict) else enumerate(data)
    found = []
    for step, value in steps:
        found.append((*path, step))
        if isinstance(value, dict | list):
            found += places(value, (*path, step))
    return found


def with_odd(data: Any, path: tuple[Any, ...], odd: Any) -> Any:
    changed = copy.deepcopy(data)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = odd
    return changed


PLAIN = json.loads(json.dumps(EXPERIMENT.to_dict()))
PLAIN_RESULTS = json.loads(json.dumps(RESULTS.to_dict()))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(places(PLAIN)), odd=ODD, suffix=st.sampled_from(["json", "yml"]))
def test_any_value_in_any_field_of_an_experiment(
    path: tuple[Any, ...], odd: Any, suffix: str
) -> None:
    changed = with_odd(PLAIN, path, odd)
    text = json.dumps(changed) if suffix == "json" else yaml.safe_dump(changed)
    with contextlib.suppress(InvalidConfig):
        read_experiment(text, f"e.{suffix}", lambda name: name)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(places(PLAIN_RESULTS)), odd=ODD)
def test_any_value_in_any_field_of_results(path: tuple[Any, ...], odd: Any) -> None:
    with contextlib.suppress(InvalidConfig):
        Results.from_dict(with_odd(PLAIN_RESULTS, path, odd))


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from("ab:-[]{}&*!<>|?'\"#%@`, \n\t0.\x7f\u2028"), max_size=30),
    name=st.sampled_from(["q.jsonl", "q.json", "q.yml"]),
)
def test_any_text(text: str, name: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read_questions(text, name)
    assert caught.value.message.startswith(f"{name}:")
    assert caught.value.details["line"] <= text.count("\n") + 1


@pytest.mark.parametrize(
    "value",
    ["!!bool maybe", "!!int ''", "!!float x", "!!binary x", "!!set {a}", "1" * 5000, "&a [*a]"],
)
def test_tags_that_lie(value: str) -> None:
    with pytest.raises(InvalidConfig):
        read_experiment(f"name: {value}", "e.yml", lambda name: name)


def test_a_json_file_that_yaml_cannot_read_still_has_its_mistakes_told() -> None:
    with pytest.raises(InvalidConfig, match=r"^q\.json:1: \[0\]\.question_id: is missing"):
        read_questions('[{"query": "\x7f", "expected_doc_ids": ["a"]}]', "q.json")
