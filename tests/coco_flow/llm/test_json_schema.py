from __future__ import annotations

from typing import Any, Literal

import pytest

from coco_flow.errors import DefinitionError
from coco_flow.llm.anthropic import AnthropicProtocol
from coco_flow.llm.gemini import GeminiProtocol
from coco_flow.llm.json_schema import JsonSchema, SchemaDialect, build_schema
from coco_flow.llm.ollama import OllamaProtocol
from coco_flow.llm.openai import OpenAiProtocol
from tests.coco_flow.llm.types_of_answers import (
    Color,
    Everything,
    Model,
    Odd,
    Person,
    Plain,
    Point,
    Tree,
)


def schema(annotation: Any, dialect: SchemaDialect | None = None) -> dict[str, Any]:
    return build_schema(annotation, dialect or SchemaDialect()).document


@pytest.mark.row("EM-3 schema docs")
def test_docstrings_and_descriptions_are_in_the_schema() -> None:
    person = schema(Person)
    assert person["description"] == ("A person that the text names.\n\nOnly people, no companies.")
    assert person["properties"]["addresses"]["items"]["description"] == "Where a person lives."
    model = schema(Model)
    assert model["description"] == "A thing with a rule of its own."
    assert model["properties"]["name"] == {
        "description": "What it is called.",
        "type": "string",
    }
    assert model["properties"]["inner"]["description"] == ("Where it is.\n\nA point of a plane.")


def test_a_docstring_that_was_generated_is_no_description() -> None:
    assert "description" not in schema(Plain)


def test_fields_that_may_be_absent() -> None:
    person = schema(Person)
    assert person["required"] == ["name", "addresses", "color"]
    assert person["properties"]["age"] == {"type": ["integer", "null"]}
    assert person["additionalProperties"] is False


def test_choices() -> None:
    properties = schema(Person)["properties"]
    assert properties["color"] == {"type": "string", "enum": ["red", "blue"]}
    assert properties["mood"] == {"type": "string", "enum": ["good", "bad"]}
    assert schema(Literal[1, 2])["properties"]["value"] == {"type": "integer", "enum": [1, 2]}


def test_every_kind_of_value() -> None:
    properties = schema(Everything, OllamaProtocol.dialect)["properties"]
    kinds = {name: each.get("type") for name, each in properties.items()}
    assert kinds == {
        "text": "string",
        "data": "string",
        "yes": "boolean",
        "whole": "integer",
        "real": "number",
        "span": "array",
        "key": "string",
        "day": "string",
        "hour": "string",
        "local": "string",
        "moment": "string",
        "length": "string",
        "anything": None,
        "vector": "array",
        "either": None,
        "point": "object",
        "points": "array",
    }
    assert properties["key"]["format"] == "uuid"
    assert "2031-05-17" in properties["day"]["description"]
    assert (properties["vector"]["minItems"], properties["vector"]["maxItems"]) == (3, 3)
    assert properties["either"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert list(properties["points"]["items"]["properties"]) == ["key", "value"]
    assert properties["point"]["required"] == ["x"]


def test_strict_mode_of_openai() -> None:
    found = build_schema(Person, OpenAiProtocol.dialect)
    assert found.strict
    check_strict(found.document)
    # What may be anything has no place in it.
    assert not build_schema(Everything, OpenAiProtocol.dialect).strict


def check_strict(document: dict[str, Any]) -> None:
    if document.get("type") == "object" or "object" in (document.get("type") or []):
        assert document["required"] == list(document["properties"])
        assert document["additionalProperties"] is False
        for each in document["properties"].values():
            check_strict(each)
    if "items" in document:
        check_strict(document["items"])


def test_the_subset_of_gemini() -> None:
    person = schema(Person, GeminiProtocol.dialect)
    assert "additionalProperties" not in person
    assert person["propertyOrdering"][:2] == ["name", "age"]
    assert person["properties"]["age"] == {"type": "integer", "nullable": True}


def test_gemini_has_no_word_for_any_json_and_no_choice_of_integers() -> None:
    found = build_schema(Everything, GeminiProtocol.dialect)
    assert found.json_as_text
    assert found.document["properties"]["anything"]["type"] == "string"
    choice = schema(Literal[1, 2], GeminiProtocol.dialect)["properties"]["value"]
    assert choice == {"type": "integer", "description": "One of: 1, 2."}


@pytest.mark.parametrize("annotation", [list[Person], str, Color, dict[str, Point]])
def test_what_is_no_object_stands_in_one_where_it_must(annotation: Any) -> None:
    for dialect in (OpenAiProtocol.dialect, AnthropicProtocol.dialect, GeminiProtocol.dialect):
        found = build_schema(annotation, dialect)
        assert found.wrapped
        assert found.document["required"] == ["value"]
    assert not build_schema(annotation, OllamaProtocol.dialect).wrapped


def test_null_is_one_more_choice_and_one_more_alternative() -> None:
    from dataclasses import dataclass

    @dataclass
    class Maybe:
        color: Color | None
        either: int | str | None

    properties = schema(Maybe)["properties"]
    assert properties["color"] == {"type": ["string", "null"], "enum": ["red", "blue", None]}
    assert properties["either"]["anyOf"][-1] == {"type": "null"}


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (Tree, r"children\.\[\] contains its own type 'Tree'"),
        (Odd, r"numbers is a <class 'complex'>"),
        (Literal[1, "a"], "neither all strings nor all integers"),
        (set[str], "The output type is a set"),
    ],
)
def test_types_without_a_schema_are_refused_by_name(annotation: Any, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        build_schema(annotation, SchemaDialect())


def test_a_schema_is_data() -> None:
    assert isinstance(build_schema(Plain, SchemaDialect()), JsonSchema)
