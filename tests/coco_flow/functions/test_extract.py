"""ExtractByLlm: from a text to a typed value, through a transform flow as well."""

from __future__ import annotations

import asyncio
import datetime
import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from coco_core.errors import Unreadable
from coco_flow.errors import DefinitionError
from coco_flow.flow.slices import DataSlice
from coco_flow.flow.transform_flow import transform_flow
from coco_flow.functions.extract import ExtractByLlm, ExtractByLlmExecutor
from coco_flow.llm import LlmApiType, LlmSpec
from coco_flow.op.definition import Argument as FlowArgument
from coco_flow.op.definition import definition_of
from coco_flow.types.schema import BasicValueType, EnrichedValueType
from tests.llm_server import LlmServer


@dataclass
class Argument:
    """An argument of a method."""

    name: str
    description: str | None


@dataclass
class Method:
    """A method that the manual describes."""

    name: str
    arguments: list[Argument]
    since: datetime.date | None = None


@dataclass
class Module:
    """A module of a library, as its manual describes it."""

    title: str
    methods: list[Method]


class Relationship(BaseModel):
    """A subject, a predicate and an object that belong together."""

    subject: str = Field(description="What it is about, a core concept.")
    predicate: str
    object: str


MODULE = {
    "title": "array",
    "methods": [
        {
            "name": "append",
            "arguments": [{"name": "x", "description": None}],
            "since": "2031-05-17",
        },
        {"name": "clear", "arguments": [], "since": None},
    ],
}
FOUND = Module(
    "array",
    [
        Method("append", [Argument("x", None)], datetime.date(2031, 5, 17)),
        Method("clear", []),
    ],
)


def spec(server: LlmServer, output_type: Any, **options: Any) -> ExtractByLlm:
    llm = LlmSpec(LlmApiType.OLLAMA, "llama3.2", address=server.url)
    return ExtractByLlm(llm_spec=llm, output_type=output_type, **options)


@pytest.mark.row("EM-3 extraction")
@pytest.mark.row("PDF-4 nested extraction")
def test_nested_values_come_out_of_a_flow(server: LlmServer) -> None:
    @transform_flow()
    def module(text: DataSlice[str]) -> DataSlice[Module]:
        return text.transform(spec(server, Module, instruction="Read the manual."))

    server.answer(MODULE)
    assert module.eval("array: append(x), clear()") == FOUND
    (body,) = server.bodies
    assert body["prompt"] == "array: append(x), clear()"
    assert "Read the manual." in body["system"]


@pytest.mark.row("EM-3 extraction")
def test_fields_of_what_was_extracted_go_on_in_the_flow(server: LlmServer) -> None:
    @transform_flow()
    def methods(text: DataSlice[str]) -> DataSlice[list[Method]]:
        return text.transform(spec(server, Module))["methods"]

    server.answer(MODULE)
    assert methods.eval("manual") == FOUND.methods


@pytest.mark.row("EM-3 schema docs")
def test_docstrings_fields_and_descriptions_are_in_the_request(server: LlmServer) -> None:
    executor = ExtractByLlmExecutor()
    executor.spec = spec(server, list[Relationship])
    executor.analyze()
    server.answer([])
    assert asyncio.run(executor("text")) == []
    sent = json.dumps(server.bodies[0])
    for said in ("belong together", "a core concept", "predicate"):
        assert said in sent


@pytest.mark.row("KG-1 structured extraction")
def test_a_list_of_triples_comes_out_of_a_flow(server: LlmServer) -> None:
    @transform_flow()
    def triples(text: DataSlice[str]) -> DataSlice[list[Relationship]]:
        return text.transform(spec(server, list[Relationship]))

    rows = [
        {"subject": "CoCo", "predicate": "searches", "object": "code"},
        {"subject": "code", "predicate": "has", "object": "tests"},
    ]
    server.answer(rows)
    assert triples.eval("text") == [Relationship(**row) for row in rows]


@pytest.mark.row("KG-1 structured extraction")
def test_an_answer_that_stays_invalid_is_the_row_s_error(server: LlmServer) -> None:
    @transform_flow()
    def triples(text: DataSlice[str]) -> DataSlice[list[Relationship]]:
        return text.transform(spec(server, list[Relationship]))

    server.answer(*[[{"subject": "CoCo"}]] * 3)
    with pytest.raises(Unreadable, match=r"in 3 answers: \[0\].predicate: a value is required"):
        triples.eval("text")
    assert len(server.received) == 3


def test_an_image_is_sent_along(server: LlmServer) -> None:
    @transform_flow()
    def described(text: DataSlice[str], image: DataSlice[bytes]) -> DataSlice[str]:
        return text.transform(spec(server, str), image=image)

    png = b"\x89PNG\r\n\x1a\n" + bytes(8)
    server.answer('"A cat."')
    assert described.eval("What is it?", png) == "A cat."
    assert server.bodies[0]["images"]


def test_nothing_is_asked_about_nothing(server: LlmServer) -> None:
    executor = ExtractByLlmExecutor()
    executor.spec = spec(server, str)
    executor.analyze()
    assert asyncio.run(executor(None)) is None
    assert not server.received


@pytest.mark.parametrize(
    ("text", "image", "nullable"),
    [(True, None, True), (False, None, False), (True, True, True), (True, False, False)],
)
def test_the_result_may_be_none_if_all_inputs_may_be(
    server: LlmServer, text: bool, image: bool | None, nullable: bool
) -> None:
    definition, found = definition_of(spec(server, Module))
    given = FlowArgument(EnrichedValueType(BasicValueType("Str"), text))
    more = (
        {}
        if image is None
        else {"image": FlowArgument(EnrichedValueType(BasicValueType("Bytes"), image))}
    )
    assert definition.bind(found, [given], more).result_type.nullable is nullable


def test_what_the_model_is_told_identifies_what_it_extracts(server: LlmServer) -> None:
    def identity(output_type: Any = Module, **options: Any) -> bytes:
        definition, found = definition_of(spec(server, output_type, **options))
        text = FlowArgument(EnrichedValueType(BasicValueType("Str")))
        return definition.bind(found, [text], {}).identity

    same = identity()
    assert identity() == same
    choices = [identity(Literal["a", "b"]), identity(Literal["a", "c"])]
    others = [identity(instruction="Be quick."), identity(Method), *choices]
    assert len({same, *others}) == 5


def test_a_type_without_a_schema_is_refused_when_the_flow_is_defined(server: LlmServer) -> None:
    executor = ExtractByLlmExecutor()
    executor.spec = spec(server, set[str])
    with pytest.raises(DefinitionError, match="cannot fill"):
        executor.analyze()


def test_a_provider_that_generates_nothing_is_refused_when_the_flow_is_defined() -> None:
    executor = ExtractByLlmExecutor()
    executor.spec = ExtractByLlm(LlmSpec(LlmApiType.VOYAGE, "voyage-3"), str)
    with pytest.raises(DefinitionError, match=r"Voyage .* has no models that generate"):
        executor.analyze()
