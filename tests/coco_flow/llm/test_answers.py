from __future__ import annotations

import dataclasses
import datetime
import json
import uuid
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_flow.llm.answers import InvalidAnswer, read_answer
from coco_flow.types.annotations import Json, Vector
from tests.coco_flow.llm.types_of_answers import (
    Address,
    Color,
    Everything,
    Model,
    Person,
    Plain,
    Point,
)

PERSON = {
    "name": "Ada",
    "age": None,
    "addresses": [{"street": "S", "city": "L"}],
    "color": "red",
}
ADA = Person("Ada", None, [Address("S", "L")], Color.RED)


def problems(text: Any, annotation: Any) -> list[str]:
    with pytest.raises(InvalidAnswer) as raised:
        read_answer(text if isinstance(text, str) else json.dumps(text), annotation)
    return raised.value.problems


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        "  {}\n",
        "```json\n{}\n```",
        "Here you are:\n\n```\n{}\n```\nAnything else?",
        "The person {{see below}} is: {}. I hope [this] helps.",
        "<think>\nIs it {{1}}?\n</think>\n{}",
    ],
)
def test_the_json_is_found_wherever_it_stands(frame: str) -> None:
    assert read_answer(frame.format(json.dumps(PERSON)), Person) == ADA


@pytest.mark.parametrize("frame", ["[{}]", '{{"person": {}}}', '{{"value": [{}]}}'])
def test_what_stands_around_an_object_is_taken_off(frame: str) -> None:
    assert read_answer(frame.format(json.dumps(PERSON)), Person) == ADA


def test_an_object_with_one_field_is_not_taken_apart() -> None:
    @dataclass
    class Outer:
        inner: Plain

    assert read_answer('{"inner": {"text": "t"}}', Outer) == Outer(Plain("t"))


def test_json_as_text_is_read() -> None:
    text = json.dumps({"value": '{"a": [1]}'})
    assert read_answer(text, Json, json_as_text=True) == {"a": [1]}
    assert read_answer(text, Json) == '{"a": [1]}'
    with pytest.raises(InvalidAnswer, match="expected JSON"):
        read_answer('{"value": "{"}', Json, json_as_text=True)


FIELDS = [field.name for kind in (Person, Everything) for field in dataclasses.fields(kind)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    JSON
    | st.fixed_dictionaries({"value": JSON})
    | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8),
    st.sampled_from(
        [
            Person,
            Everything,
            Model,
            list[Person],
            dict[str, Point],
            int | str,
            Color,
            Json,
            float,
            bytes,
            uuid.UUID,
            datetime.timedelta,
            datetime.date,
            Vector[np.float32],
        ]
    ),
    st.booleans(),
)
def test_no_answer_makes_anything_else_than_a_value_or_a_list_of_problems(
    answer: Any, annotation: Any, as_text: bool
) -> None:
    try:
        read_answer(json.dumps(answer), annotation, json_as_text=as_text)
    except InvalidAnswer as error:
        assert error.problems
        assert all(problem.strip() for problem in error.problems)


@pytest.mark.row("EM-3 extraction")
def test_nested_values_with_absent_fields_are_typed() -> None:
    given = {**PERSON, "age": 36, "mood": "bad", "tags": ["a"]}
    found = read_answer(json.dumps(given), Person)
    assert found == Person("Ada", 36, [Address("S", "L")], Color.RED, "bad", ["a"])
    assert read_answer(json.dumps(PERSON), Person) == ADA
    # Where every field is required, null marks one that is absent.
    nulls = {**PERSON, "mood": None, "tags": None}
    assert read_answer(json.dumps(nulls), Person) == ADA


def test_every_kind_of_value() -> None:
    given = {
        "text": "t",
        "data": "aGk=",
        "yes": True,
        "whole": 2,
        "real": 1,
        "span": [1, 5],
        "key": "0b8e7f5e-2c4b-4f0e-9d51-3f6a1c2b7d90",
        "day": "2031-05-17",
        "hour": "14:30:00",
        "local": "2031-05-17T14:30:00",
        "moment": "2031-05-17T14:30:00Z",
        "length": "P1DT1H30M",
        "anything": {"a": [1, None]},
        "vector": [1, 2, 3],
        "either": "7",
        "point": {"x": 1},
        "points": [{"key": "a", "value": {"x": 1, "y": 2}}],
    }
    found = read_answer(json.dumps(given), Everything)
    assert found == Everything(
        text="t",
        data=b"hi",
        yes=True,
        whole=2,
        real=1.0,
        span=(1, 5),
        key=uuid.UUID("0b8e7f5e-2c4b-4f0e-9d51-3f6a1c2b7d90"),
        day=datetime.date(2031, 5, 17),
        hour=datetime.time(14, 30),
        local=datetime.datetime(2031, 5, 17, 14, 30),  # noqa: DTZ001 - it has no zone
        moment=datetime.datetime(2031, 5, 17, 14, 30, tzinfo=datetime.UTC),
        length=datetime.timedelta(days=1, hours=1, minutes=30),
        anything={"a": [1, None]},
        # The engine makes an array of it.
        vector=[1, 2, 3],  # type: ignore[list-item]
        either="7",
        point=Point(1.0),
        points={"a": Point(1.0, 2.0)},
    )


@pytest.mark.parametrize(
    ("annotation", "given", "value"),
    [
        (int, "42", 42),
        (int, 42.0, 42),
        (float, "1.5", 1.5),
        (str, 7, "7"),
        (bool, "true", True),
        (Color, " Red ", Color.RED),
        (int | str, "42", "42"),
        (int | str, 42, 42),
        (datetime.date, "2031-05-17T00:00:00", datetime.date(2031, 5, 17)),
        (datetime.timedelta, 90, datetime.timedelta(seconds=90)),
        (datetime.timedelta, "-PT5S", datetime.timedelta(seconds=-5)),
        (list[str], ["a"], ["a"]),
    ],
)
def test_what_loses_nothing_is_converted(annotation: Any, given: Any, value: Any) -> None:
    found = read_answer(json.dumps({"value": given}), annotation)
    assert found == value
    assert type(found) is type(value)
    assert read_answer(json.dumps(given), annotation) == value


@pytest.mark.parametrize(
    ("annotation", "given", "problem"),
    [
        (int, 1.5, "The answer: expected an integer, got 1.5"),
        (int, True, "The answer: expected an integer, got true"),
        (int, 2**63, "The answer: expected an integer, got 9223372036854775808"),
        (float, "much", 'The answer: expected a number, got "much"'),
        (bool, "perhaps", 'The answer: expected true or false, got "perhaps"'),
        (str, ["a"], 'The answer: expected a string, got ["a"]'),
        (str, None, "The answer: a value is required, not null"),
        (Color, "green", 'The answer: expected one of ["red", "blue"], got "green"'),
        (list[int], [1, "x"], '[1]: expected an integer, got "x"'),
        (list[int], {"a": 1}, 'The answer: expected an array, got {"a": 1}'),
        (datetime.date, "soon", 'The answer: expected a date such as 2031-05-17, got "soon"'),
        (datetime.timedelta, "P", 'The answer: expected a duration such as PT1H30M, got "P"'),
        (dict[str, Point], 3, 'The answer: expected an array of {"key", "value"} objects, got 3'),
    ],
)
def test_what_does_not_fit_is_told(annotation: Any, given: Any, problem: str) -> None:
    assert problems({"value": given}, annotation) == [problem]


def test_everything_that_is_wrong_is_told_with_its_place() -> None:
    given = {"age": "old", "addresses": [{"street": "S"}, 3], "color": "red"}
    assert problems(given, Person) == [
        "name: a value is required, not null",
        'age: expected an integer, got "old"',
        "addresses[0].city: a value is required, not null",
        "addresses[1]: expected an object, got 3",
    ]


def test_a_vector_of_another_length() -> None:
    annotation = Vector[np.float32, Literal[3]]
    assert problems({"value": [1, 2]}, annotation) == ["The answer: expected 3 elements, got 2"]
    assert problems({"value": [1, 2, "NaN"]}, annotation) == ['[2]: expected a number, got "NaN"']


def test_rules_of_a_pydantic_model_hold() -> None:
    given = {"name": "Box", "size": 0}
    found = problems(given, Model)
    assert found == [
        "name: Value error, write it in lower case",
        "size: Input should be greater than or equal to 1",
    ]
    model = read_answer('{"name": "box", "day": "2031-05-17", "inner": {"x": 1}}', Model)
    assert model == Model(name="box", day=datetime.date(2031, 5, 17), inner=Point(1.0))


def test_rules_of_a_dataclass_hold() -> None:
    @dataclass
    class Positive:
        number: int

        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError("the number must not be negative")

    assert problems({"number": -1}, Positive) == ["The answer: the number must not be negative"]


@pytest.mark.parametrize("text", ["", "I cannot do that.", '{"text": "never clo', "{" * 200])
def test_no_json_at_all(text: str) -> None:
    assert problems(text, Plain) == ["There is no complete JSON value in the answer."]


def test_a_text_needs_no_quotes() -> None:
    assert read_answer("A cat on a mat.\n", str) == "A cat on a mat."
