"""EmbedText: what is known when the flow is defined, and what the provider is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from coco_core.errors import Unreadable
from coco_flow.auth import add_transient_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.flow.slices import DataSlice
from coco_flow.flow.transform_flow import transform_flow
from coco_flow.functions.embed import EmbedText, EmbedTextExecutor
from coco_flow.llm import LlmApiType, OpenAiConfig, VertexAiConfig
from coco_flow.op.definition import Argument, definition_of
from coco_flow.types.schema import BasicValueType, EnrichedValueType
from tests.embedding_server import hashing
from tests.llm_server import LlmServer


def result_type(spec: EmbedText) -> EnrichedValueType:
    definition, found = definition_of(spec)
    text = Argument(EnrichedValueType(BasicValueType("Str")), origin="the text")
    return definition.bind(found, [text], {}).result_type


def dimension(spec: EmbedText) -> Any:
    vector = result_type(spec).type.vector  # type: ignore[union-attr]
    assert vector is not None
    assert vector.element_type.kind == "Float32"
    return vector.dimension


def made(spec: EmbedText) -> EmbedTextExecutor:
    executor = EmbedTextExecutor()
    executor.spec = spec
    executor.analyze()
    return executor


@pytest.mark.row("EM-2 dimension inference")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": "text-embedding-3-small"}, 1536),
        ({"model": "text-embedding-3-small", "output_dimension": 256}, 256),
        ({"model": "own", "expected_output_dimension": 7}, 7),
        ({"model": "own", "output_dimension": 5, "expected_output_dimension": 7}, 7),
        ({"api_type": LlmApiType.VOYAGE, "model": "voyage-code-3"}, 1024),
        (
            {
                "api_type": LlmApiType.VERTEX_AI,
                "model": "gemini-embedding-001",
                "api_config": VertexAiConfig("p"),
            },
            3072,
        ),
    ],
)
def test_the_dimension_is_known_when_the_flow_is_defined(
    options: dict[str, Any], expected: int
) -> None:
    assert dimension(EmbedText(**{"api_type": LlmApiType.OPENAI, **options})) == expected


@pytest.mark.row("EM-2 dimension inference")
def test_an_unknown_model_is_refused_when_the_flow_is_defined() -> None:
    spec = EmbedText(api_type=LlmApiType.OPENAI, model="own")
    with pytest.raises(DefinitionError, match=r"'own' is not known.*expected_output_dimension=N"):
        result_type(spec)


@pytest.mark.row("LL-2 provider matrix")
def test_a_provider_that_embeds_nothing_is_refused_when_the_flow_is_defined() -> None:
    spec = EmbedText(api_type=LlmApiType.ANTHROPIC, model="claude", expected_output_dimension=8)
    with pytest.raises(DefinitionError, match=r"Anthropic .* has no models that embed"):
        result_type(spec)


def test_a_dimension_below_one_is_refused() -> None:
    with pytest.raises(DefinitionError, match="length -3"):
        result_type(EmbedText(api_type=LlmApiType.OPENAI, model="m", expected_output_dimension=-3))


def test_the_vector_knows_its_text() -> None:
    spec = EmbedText(api_type=LlmApiType.OPENAI, model="text-embedding-3-small")
    attributes = result_type(spec).attrs or {}
    assert attributes == {"cocoindex.io/embedding_origin_text": "the text"}


def test_what_decides_the_vectors_identifies_them_and_no_key_does() -> None:
    def identity(**options: Any) -> bytes:
        spec = EmbedText(
            **{
                "api_type": LlmApiType.OPENAI,
                "model": "text-embedding-3-small",
                "expected_output_dimension": 64,
                **options,
            }
        )
        definition, found = definition_of(spec)
        text = Argument(EnrichedValueType(BasicValueType("Str")))
        return definition.bind(found, [text], {}).identity

    same = identity()
    assert identity(api_key=add_transient_auth_entry("a")) == same
    assert identity(api_key=add_transient_auth_entry("b")) == same
    assert identity(api_config=OpenAiConfig(org_id="o")) == same
    others = [
        identity(model="text-embedding-3-large"),
        identity(output_dimension=64),
        identity(task_type="query"),
        identity(api_type=LlmApiType.VLLM),
        identity(address="http://127.0.0.1:9"),
    ]
    assert len({same, *others}) == 6


@pytest.mark.row("EM-2 batch cap")
def test_a_request_has_at_most_64_texts(server: LlmServer) -> None:
    executor = made(
        EmbedText(
            api_type=LlmApiType.OLLAMA,
            model="m",
            address=server.url,
            expected_output_dimension=8,
        )
    )
    texts = [f"text {n}" for n in range(130)]
    vectors = asyncio.run(executor(texts))

    assert np.array_equal(np.array(vectors), hashing(8)(texts))
    assert sorted(len(body["input"]) for body in server.bodies) == [2, 64, 64]


@pytest.mark.row("EM-2 wrong size")
@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"expected_output_dimension": 9}, "Set expected_output_dimension to 8"),
        ({"output_dimension": 9}, "Set output_dimension to 8, or leave it out"),
    ],
)
def test_vectors_of_another_length_are_an_error(
    server: LlmServer, options: dict[str, Any], advice: str
) -> None:
    spec = EmbedText(api_type=LlmApiType.OLLAMA, model="m", address=server.url, **options)
    with pytest.raises(Unreadable, match=rf"with 8 numbers; 9 were expected.*{advice}"):
        asyncio.run(made(spec)(["a"]))


@pytest.mark.row("FN-10 retry")
def test_in_a_flow_a_rate_limit_passes_and_a_wrong_key_fails_at_once(server: LlmServer) -> None:
    key = add_transient_auth_entry("k")

    @transform_flow()
    def embedded(text: DataSlice[str]) -> DataSlice[list[np.float32]]:
        return text.transform(
            EmbedText(
                api_type=LlmApiType.OPENAI,
                model="m",
                address=server.url,
                output_dimension=8,
                api_key=key,
            )
        )

    server.fail(429, times=2)
    assert np.array_equal(embedded.eval("a b"), hashing(8)(["a b"])[0])
    assert len(server.received) == 3
    assert server.bodies[-1]["dimensions"] == 8

    server.fail(401)
    with pytest.raises(Exception, match="HTTP 401"):
        embedded.eval("a b")
    assert len(server.received) == 4
