"""Clients of a scripted server, for the tests of this folder."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from coco_flow.auth import add_transient_auth_entry
from coco_flow.llm import AzureOpenAiConfig, LlmApiType, RequestLimits, RetryOptions, VertexAiConfig
from coco_flow.llm.client import EmbeddingClient, GenerationClient
from coco_flow.llm.json_schema import build_schema
from coco_flow.llm.protocol import GenerateRequest
from tests.llm_server import LlmServer

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
# Base URLs as their users write them.
PATHS = {
    LlmApiType.OPENAI: "/v1",
    LlmApiType.LITE_LLM: "",
    LlmApiType.OPEN_ROUTER: "/api/v1",
    LlmApiType.VLLM: "/v1",
    LlmApiType.NOVITA: "/openai/v1",
    LlmApiType.VOYAGE: "/v1",
}
CONFIGS: dict[LlmApiType, Any] = {
    LlmApiType.AZURE_OPENAI: AzureOpenAiConfig("my-deployment", "2025-01-01"),
    LlmApiType.VERTEX_AI: VertexAiConfig("my-project", "europe-west4"),
}
FAST = RequestLimits(retry=RetryOptions(initial_backoff=timedelta(milliseconds=1)))


def options(server: LlmServer, api_type: LlmApiType, key: str = "secret") -> dict[str, Any]:
    return {
        "address": server.url + PATHS.get(api_type, ""),
        "api_key": add_transient_auth_entry(key),
        "api_config": CONFIGS.get(api_type),
    }


def generate(client: GenerationClient, **more: Any) -> str:
    schema = build_schema(dict, client.dialect)
    request = GenerateRequest(client.model, "the system", "the prompt", schema, **more)
    return asyncio.run(client.generate(request)).text


def embedding(server: LlmServer, api_type: LlmApiType = LlmApiType.OPENAI) -> EmbeddingClient:
    return EmbeddingClient(api_type, "some-model", **options(server, api_type))
