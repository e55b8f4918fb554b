"""Values of a type from a model: what it is asked, and what happens when it answers badly."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from coco_core.errors import InvalidInput, Unreadable
from coco_flow.llm import LlmApiType
from coco_flow.llm.client import GenerationClient
from coco_flow.llm.structured import StructuredGenerator
from tests.coco_flow.llm.types_of_answers import Address, Color, Person, Plain
from tests.llm_server import LlmServer

PERSON = {
    "name": "Ada",
    "age": None,
    "addresses": [{"street": "S", "city": "L"}],
    "color": "red",
}
ADA = Person("Ada", None, [Address("S", "L")], Color.RED)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
PROVIDERS = (
    LlmApiType.OPENAI,
    LlmApiType.ANTHROPIC,
    LlmApiType.GEMINI,
    LlmApiType.OLLAMA,
    LlmApiType.BEDROCK,
)


def generator(
    server: LlmServer,
    output_type: Any = Person,
    api_type: LlmApiType = LlmApiType.OPENAI,
    instruction: str | None = "Find the person.",
) -> StructuredGenerator:
    from coco_flow.auth import add_transient_auth_entry

    client = GenerationClient(
        api_type, "some-model", address=server.url, api_key=add_transient_auth_entry("k")
    )
    return StructuredGenerator(client, output_type, instruction)


def ask(maker: StructuredGenerator, text: str | None = "Ada lives at S.", **more: Any) -> Any:
    return asyncio.run(maker.generate(text, **more))


@pytest.mark.row("EM-3 extraction")
@pytest.mark.row("EM-3 schema docs")
@pytest.mark.parametrize("api_type", PROVIDERS, ids=lambda each: each.value)
def test_a_value_is_asked_for_with_its_schema_and_read(
    server: LlmServer, api_type: LlmApiType
) -> None:
    server.answer(PERSON)
    assert ask(generator(server, api_type=api_type)) == ADA

    (body,) = server.bodies
    sent = json.dumps(body)
    for said in ("Find the person.", "Ada lives at S.", "Only people", "zip_code", "red"):
        assert said in sent


def test_the_structured_mode_of_each_provider(server: LlmServer) -> None:
    for api_type in PROVIDERS:
        server.answer(PERSON)
        ask(generator(server, api_type=api_type))
    openai, anthropic, gemini, ollama, bedrock = server.bodies
    mode = openai["response_format"]
    assert (mode["type"], mode["json_schema"]["strict"]) == ("json_schema", True)
    assert anthropic["tool_choice"] == {"type": "tool", "name": anthropic["tools"][0]["name"]}
    assert gemini["generationConfig"]["responseMimeType"] == "application/json"
    assert ollama["format"]["type"] == "object"
    # Ollama's models see only the prompt.
    assert "Only people" in ollama["system"]
    assert "Only people" not in openai["messages"][0]["content"]
    assert "json" in bedrock["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]


@pytest.mark.row("KG-1 structured extraction")
@pytest.mark.parametrize("api_type", PROVIDERS, ids=lambda each: each.value)
def test_a_list_of_values(server: LlmServer, api_type: LlmApiType) -> None:
    people = [PERSON, {**PERSON, "name": "Bob"}]
    server.answer(people if api_type is LlmApiType.OLLAMA else {"value": people})
    found = ask(generator(server, list[Person], api_type))
    assert [each.name for each in found] == ["Ada", "Bob"]


@pytest.mark.parametrize("api_type", PROVIDERS, ids=lambda each: each.value)
def test_an_answer_that_is_not_valid_is_mended_by_the_model(
    server: LlmServer, api_type: LlmApiType
) -> None:
    server.answer({**PERSON, "color": "green"}, "Sorry, I mean this: {", PERSON)
    assert ask(generator(server, api_type=api_type)) == ADA

    first, second, third = (json.dumps(body) for body in server.bodies)
    assert "green" not in first
    assert "expected one of" in second
    assert "green" in second
    assert "no complete JSON" in third
    assert "expected one of" in third


@pytest.mark.row("KG-1 structured extraction")
def test_a_model_that_does_not_mend_its_answer_is_an_error(server: LlmServer) -> None:
    server.answer(*["Sorry, no."] * 3)
    with pytest.raises(
        Unreadable, match=r"'some-model' of OpenAI gave no valid value in 3 answers: There is no"
    ) as raised:
        ask(generator(server))
    assert len(server.received) == 3
    assert raised.value.details["answer"] == "Sorry, no."


def test_an_answer_that_was_cut_is_not_asked_for_again(server: LlmServer) -> None:
    server.cut = True
    server.answer('{"name": "A')
    with pytest.raises(Unreadable, match="cut at the model's longest output"):
        ask(generator(server))
    assert len(server.received) == 1


def test_a_server_without_a_structured_mode_gets_the_schema_in_the_prompt(
    server: LlmServer,
) -> None:
    maker = generator(server)
    server.fail(400, body={"error": {"message": "Unknown field: response_format"}})
    server.answer(PERSON, PERSON)
    assert ask(maker) == ADA
    assert ask(maker) == ADA

    refused, second, third = server.bodies
    assert "response_format" in refused
    for body in (second, third):
        assert "response_format" not in body
        assert "Only people" in body["messages"][0]["content"]


def test_any_other_refusal_is_not_taken_for_a_missing_mode(server: LlmServer) -> None:
    server.fail(400, body={"error": {"message": "the text is too long"}})
    with pytest.raises(InvalidInput, match="too long"):
        ask(generator(server))
    assert len(server.received) == 1


@pytest.mark.parametrize("api_type", PROVIDERS, ids=lambda each: each.value)
def test_an_image_alone_and_a_text_that_is_empty(server: LlmServer, api_type: LlmApiType) -> None:
    maker = generator(server, Plain, api_type)
    server.answer(*[{"text": "t"}] * 3)
    assert ask(maker, None, image=PNG) == Plain("t")
    assert ask(maker, "  ") == Plain("t")
    assert ask(maker, "  ", image=PNG) == Plain("t")
    assert "empty" in json.dumps(server.bodies[1])
    assert "empty" not in json.dumps(server.bodies[0])
