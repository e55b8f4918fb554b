"""Requests to each provider as a scripted server receives them, and how its answers are read."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest

from coco_core.errors import InvalidInput, Unreadable
from coco_flow.errors import DefinitionError
from coco_flow.llm import LlmApiType, OpenAiConfig, VertexAiConfig
from coco_flow.llm.client import EmbeddingClient, GenerationClient
from coco_flow.llm.dimensions import known_dimension
from coco_flow.llm.protocol import Correction
from coco_flow.llm.providers import provider_of
from tests.coco_flow.llm.calls import CONFIGS, PNG, embedding, generate, options
from tests.embedding_server import hashing
from tests.llm_server import LlmServer

pytestmark = pytest.mark.usefixtures("fast_retries")

GENERATE_PATHS = {
    LlmApiType.OPENAI: "/v1/chat/completions",
    LlmApiType.AZURE_OPENAI: "/openai/deployments/my-deployment/chat/completions",
    LlmApiType.OLLAMA: "/api/generate",
    LlmApiType.GEMINI: "/v1beta/models/some-model:generateContent",
    LlmApiType.VERTEX_AI: "/v1/projects/my-project/locations/europe-west4/publishers/google"
    "/models/some-model:generateContent",
    LlmApiType.ANTHROPIC: "/v1/messages",
    LlmApiType.LITE_LLM: "/chat/completions",
    LlmApiType.OPEN_ROUTER: "/api/v1/chat/completions",
    LlmApiType.VLLM: "/v1/chat/completions",
    LlmApiType.BEDROCK: "/model/some-model/converse",
    LlmApiType.NOVITA: "/openai/v1/chat/completions",
}
EMBED_PATHS = {
    LlmApiType.OPENAI: "/v1/embeddings",
    LlmApiType.AZURE_OPENAI: "/openai/deployments/my-deployment/embeddings",
    LlmApiType.OLLAMA: "/api/embed",
    LlmApiType.GEMINI: "/v1beta/models/some-model:batchEmbedContents",
    LlmApiType.VERTEX_AI: "/v1/projects/my-project/locations/europe-west4/publishers/google"
    "/models/some-model:predict",
    LlmApiType.LITE_LLM: "/embeddings",
    LlmApiType.OPEN_ROUTER: "/api/v1/embeddings",
    LlmApiType.VLLM: "/v1/embeddings",
    LlmApiType.VOYAGE: "/v1/embeddings",
    LlmApiType.NOVITA: "/openai/v1/embeddings",
}
KEY_HEADERS = {
    LlmApiType.AZURE_OPENAI: ("api-key", "secret"),
    LlmApiType.GEMINI: ("x-goog-api-key", "secret"),
    LlmApiType.ANTHROPIC: ("x-api-key", "secret"),
}


@pytest.mark.parametrize("api_type", GENERATE_PATHS, ids=lambda each: each.value)
def test_every_provider_that_generates(server: LlmServer, api_type: LlmApiType) -> None:
    server.answer({"a": 1})
    client = GenerationClient(api_type, "some-model", **options(server, api_type))
    text = generate(client, image=PNG, corrections=(Correction("earlier", "no good"),))

    assert json.loads(text) == {"a": 1}
    (received,) = server.received
    assert received.path == GENERATE_PATHS[api_type]
    name, value = KEY_HEADERS.get(api_type, ("authorization", "Bearer secret"))
    assert received.headers[name] == value
    sent = json.dumps(received.body)
    for said in ("the system", "the prompt", "earlier", "no good"):
        assert said in sent
    assert base64.b64encode(PNG).decode() in sent


@pytest.mark.parametrize("api_type", EMBED_PATHS, ids=lambda each: each.value)
def test_every_provider_that_embeds(server: LlmServer, api_type: LlmApiType) -> None:
    texts = ["one two", "", "three", "one two"]
    client = embedding(server, api_type)
    vectors = asyncio.run(client.embed(texts, output_dimension=8, task_type="document"))

    expected = hashing(8)(["one two", " ", "three", "one two"])
    assert np.array_equal(np.array(vectors), expected)
    assert all(vector.dtype == np.float32 for vector in vectors)
    (received,) = server.received
    assert received.path == EMBED_PATHS[api_type]
    assert "8" in json.dumps(received.body)


def test_organization_and_project_of_openai(server: LlmServer) -> None:
    config = OpenAiConfig(org_id="my-org", project_id="my-project")
    client = EmbeddingClient(LlmApiType.OPENAI, "m", address=server.url, api_config=config)
    asyncio.run(client.embed(["a"]))
    headers = server.received[0].headers
    assert headers["openai-organization"] == "my-org"
    assert headers["openai-project"] == "my-project"
    assert "authorization" not in headers


def test_the_version_of_azure(server: LlmServer) -> None:
    asyncio.run(embedding(server, LlmApiType.AZURE_OPENAI).embed(["a"]))
    assert server.received[0].query == "api-version=2025-01-01"


def test_task_types_go_where_the_provider_has_them(server: LlmServer) -> None:
    for api_type in (LlmApiType.VOYAGE, LlmApiType.GEMINI, LlmApiType.VERTEX_AI):
        asyncio.run(embedding(server, api_type).embed(["a"], task_type="CODE"))
    voyage, gemini, vertex = server.bodies
    assert voyage["input_type"] == "CODE"
    assert gemini["requests"][0]["taskType"] == "CODE"
    assert vertex["instances"][0]["task_type"] == "CODE"


def test_the_newest_models_of_vertex_embed_one_text_a_request(server: LlmServer) -> None:
    client = EmbeddingClient(
        LlmApiType.VERTEX_AI, "gemini-embedding-001", **options(server, LlmApiType.VERTEX_AI)
    )
    assert len(asyncio.run(client.embed(["a", "b", "c"]))) == 3
    assert len(server.received) == 3


@pytest.mark.row("LL-2 provider matrix")
@pytest.mark.parametrize("api_type", LlmApiType, ids=lambda each: each.value)
def test_what_a_provider_has_not_is_refused_when_the_client_is_made(api_type: LlmApiType) -> None:
    config = CONFIGS.get(api_type)
    provider = provider_of(api_type)
    for kind, offered in (
        (EmbeddingClient, provider.embeds),
        (GenerationClient, provider.generates),
    ):
        if offered:
            kind(api_type, "m", api_config=config)
        else:
            with pytest.raises(DefinitionError, match="has no models that"):
                kind(api_type, "m", api_config=config)


@pytest.mark.row("LL-2 provider matrix")
def test_anthropic_and_bedrock_embed_nothing_and_voyage_generates_nothing() -> None:
    assert {each for each in LlmApiType if not provider_of(each).embeds} == {
        LlmApiType.ANTHROPIC,
        LlmApiType.BEDROCK,
    }
    assert [each for each in LlmApiType if not provider_of(each).generates] == [LlmApiType.VOYAGE]
    with pytest.raises(DefinitionError, match=r"ANTHROPIC.*Choose one of: AZURE_OPENAI, GEMINI"):
        EmbeddingClient(LlmApiType.ANTHROPIC, "claude")


@pytest.mark.parametrize(
    ("api_type", "config", "problem"),
    [
        (LlmApiType.VERTEX_AI, None, "needs its configuration"),
        (LlmApiType.AZURE_OPENAI, None, "needs its configuration"),
        (LlmApiType.OPENAI, VertexAiConfig("p"), "takes OpenAiConfig"),
        (LlmApiType.OLLAMA, OpenAiConfig(), "takes none"),
    ],
)
def test_a_configuration_that_is_not_the_provider_s(
    api_type: LlmApiType, config: Any, problem: str
) -> None:
    with pytest.raises(DefinitionError, match=problem):
        GenerationClient(api_type, "m", api_config=config)


@pytest.mark.parametrize("api_type", GENERATE_PATHS, ids=lambda each: each.value)
def test_a_generated_answer_of_another_shape(server: LlmServer, api_type: LlmApiType) -> None:
    client = GenerationClient(api_type, "some-model", **options(server, api_type))
    server.fail(200, body={"nothing": 1})
    with pytest.raises(Unreadable, match="without the expected fields"):
        generate(client)


def test_a_model_that_refuses(server: LlmServer) -> None:
    client = GenerationClient(LlmApiType.OPENAI, "m", **options(server, LlmApiType.OPENAI))
    message = {"content": None, "refusal": "I will not."}
    server.fail(200, body={"choices": [{"message": message, "finish_reason": "stop"}]})
    with pytest.raises(Unreadable, match="refused: I will not"):
        generate(client)
    gemini = GenerationClient(LlmApiType.GEMINI, "m", **options(server, LlmApiType.GEMINI))
    server.fail(200, body={"promptFeedback": {"blockReason": "SAFETY"}})
    with pytest.raises(Unreadable, match="block reason 'SAFETY'"):
        generate(gemini)


def test_an_image_of_an_unknown_kind(server: LlmServer) -> None:
    client = GenerationClient(LlmApiType.OPENAI, "m", **options(server, LlmApiType.OPENAI))
    with pytest.raises(InvalidInput, match="Convert it to PNG"):
        generate(client, image=b"BM bitmap")
    assert not server.received


@pytest.mark.parametrize(
    ("api_type", "model", "dimension"),
    [
        (LlmApiType.OPENAI, "text-embedding-3-small", 1536),
        (LlmApiType.OPENAI, "text-embedding-3-large", 3072),
        (LlmApiType.OPEN_ROUTER, "openai/text-embedding-ada-002", 1536),
        (LlmApiType.GEMINI, "gemini-embedding-001", 3072),
        (LlmApiType.GEMINI, "models/text-embedding-004", 768),
        (LlmApiType.VERTEX_AI, "text-multilingual-embedding-002", 768),
        (LlmApiType.VOYAGE, "voyage-code-3", 1024),
        (LlmApiType.VOYAGE, "voyage-3-lite", 512),
        (LlmApiType.OLLAMA, "nomic-embed-text:latest", 768),
        (LlmApiType.OLLAMA, "snowflake-arctic-embed:22m", 384),
        (LlmApiType.VLLM, "BAAI/bge-m3", 1024),
        (LlmApiType.OPENAI, "no-such-model", None),
        (LlmApiType.ANTHROPIC, "claude", None),
    ],
)
def test_known_dimensions(api_type: LlmApiType, model: str, dimension: int | None) -> None:
    assert known_dimension(api_type, model) == dimension
