"""Specs of large language models: provider, model, address and key."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, TypeAlias

from coco_flow.auth import TransientAuthEntryReference

__all__ = [
    "AzureOpenAiConfig",
    "LlmApiConfig",
    "LlmApiType",
    "LlmSpec",
    "OpenAiConfig",
    "VertexAiConfig",
]


class LlmApiType(Enum):
    """A provider's API; `coco_flow.llm.providers` says what each offers."""

    OPENAI = "OpenAi"
    OLLAMA = "Ollama"
    GEMINI = "Gemini"
    VERTEX_AI = "VertexAi"
    ANTHROPIC = "Anthropic"
    LITE_LLM = "LiteLlm"
    OPEN_ROUTER = "OpenRouter"
    VOYAGE = "Voyage"
    VLLM = "Vllm"
    BEDROCK = "Bedrock"
    AZURE_OPENAI = "AzureOpenAi"
    NOVITA = "Novita"


@dataclass
class VertexAiConfig:
    """The Google Cloud project that pays for Vertex AI; the region is ``global`` by default."""

    kind: ClassVar[str] = "VertexAi"

    project: str
    region: str | None = None


@dataclass
class OpenAiConfig:
    """The organization and the project that OpenAI accounts requests to."""

    kind: ClassVar[str] = "OpenAi"

    org_id: str | None = None
    project_id: str | None = None


@dataclass
class AzureOpenAiConfig:
    """The deployment of a model in Azure OpenAI, and the version of its API."""

    kind: ClassVar[str] = "AzureOpenAi"

    deployment_id: str
    api_version: str | None = None


LlmApiConfig: TypeAlias = VertexAiConfig | OpenAiConfig | AzureOpenAiConfig


@dataclass
class LlmSpec:
    """A model behind a provider's API.

    Attributes:
        api_type: The provider.
        model: The provider's name of the model.
        address: Base URL; by default the provider's environment variable, then its own address.
        api_key: Entry with the key; by default the provider's environment variable, read when a
            request is made.
        api_config: What else the provider needs to know.
    """

    api_type: LlmApiType
    model: str
    address: str | None = None
    api_key: TransientAuthEntryReference[str] | None = None
    api_config: LlmApiConfig | None = None
