"""Names, order and defaults of the fields that CocoIndex's programs pass to specs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from coco_flow.functions.colpali import ColPaliEmbedImage, ColPaliEmbedQuery
from coco_flow.functions.embed import EmbedText
from coco_flow.functions.extract import ExtractByLlm
from coco_flow.functions.sentence_transformer import SentenceTransformerEmbed
from coco_flow.llm import (
    AzureOpenAiConfig,
    LlmApiType,
    LlmSpec,
    OpenAiConfig,
    VertexAiConfig,
)

REQUIRED: Any = dataclasses.MISSING


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (
            EmbedText,
            {
                "api_type": REQUIRED,
                "model": REQUIRED,
                "address": None,
                "output_dimension": None,
                "expected_output_dimension": None,
                "task_type": None,
                "api_config": None,
                "api_key": None,
            },
        ),
        (ExtractByLlm, {"llm_spec": REQUIRED, "output_type": REQUIRED, "instruction": None}),
        (SentenceTransformerEmbed, {"model": REQUIRED, "args": None}),
        (ColPaliEmbedImage, {"model": REQUIRED}),
        (ColPaliEmbedQuery, {"model": REQUIRED}),
        (
            LlmSpec,
            {
                "api_type": REQUIRED,
                "model": REQUIRED,
                "address": None,
                "api_key": None,
                "api_config": None,
            },
        ),
        (OpenAiConfig, {"org_id": None, "project_id": None}),
        (VertexAiConfig, {"project": REQUIRED, "region": None}),
        (AzureOpenAiConfig, {"deployment_id": REQUIRED, "api_version": None}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_fields_of_specs(spec: Any, fields: dict[str, Any]) -> None:
    assert {field.name: field.default for field in dataclasses.fields(spec)} == fields
    assert list(fields) == [field.name for field in dataclasses.fields(spec)]


def test_providers_have_the_field_s_names() -> None:
    assert {each.name: each.value for each in LlmApiType} == {
        "OPENAI": "OpenAi",
        "OLLAMA": "Ollama",
        "GEMINI": "Gemini",
        "VERTEX_AI": "VertexAi",
        "ANTHROPIC": "Anthropic",
        "LITE_LLM": "LiteLlm",
        "OPEN_ROUTER": "OpenRouter",
        "VOYAGE": "Voyage",
        "VLLM": "Vllm",
        "BEDROCK": "Bedrock",
        "AZURE_OPENAI": "AzureOpenAi",
        "NOVITA": "Novita",
    }


def test_configurations_say_their_kind() -> None:
    kinds = [OpenAiConfig.kind, VertexAiConfig.kind, AzureOpenAiConfig.kind]
    assert kinds == ["OpenAi", "VertexAi", "AzureOpenAi"]
