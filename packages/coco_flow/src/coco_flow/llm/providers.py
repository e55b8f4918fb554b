"""What each provider of models offers, where it is reached, and where its key comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from coco_flow.errors import DefinitionError
from coco_flow.llm.spec import (
    AzureOpenAiConfig,
    LlmApiConfig,
    LlmApiType,
    OpenAiConfig,
    VertexAiConfig,
)

__all__ = ["Provider", "check_config", "provider_of", "require_embedding", "require_generation"]

ProtocolName: TypeAlias = Literal[
    "openai", "azure", "anthropic", "gemini", "vertex", "ollama", "voyage", "bedrock"
]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.

    Attributes:
        api_type: Its name in specs.
        protocol: The protocol that its API speaks.
        title: Its name in messages.
        address: Its own base URL; None where every customer has another.
        address_variables: Environment variables with the base URL, the first that is set wins.
        key_variables: Environment variables with the key, likewise.
        needs_key: Whether its own address refuses requests without a key.
        generates: Whether it has models that generate.
        embeds: Whether it has models that embed.
        config: The class of its configuration, if it has one.
        needs_config: Whether the configuration is required.
    """

    api_type: LlmApiType
    protocol: ProtocolName
    title: str
    address: str | None
    address_variables: tuple[str, ...]
    key_variables: tuple[str, ...]
    needs_key: bool = True
    generates: bool = True
    embeds: bool = True
    config: type[LlmApiConfig] | None = None
    needs_config: bool = False


_PROVIDERS = (
    Provider(
        LlmApiType.OPENAI,
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        ("OPENAI_API_KEY",),
        config=OpenAiConfig,
    ),
    Provider(
        LlmApiType.AZURE_OPENAI,
        "azure",
        "Azure OpenAI",
        None,
        ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_BASE"),
        ("AZURE_OPENAI_API_KEY",),
        config=AzureOpenAiConfig,
        needs_config=True,
    ),
    Provider(
        LlmApiType.OLLAMA,
        "ollama",
        "Ollama",
        "http://localhost:11434",
        ("OLLAMA_API_BASE", "OLLAMA_HOST"),
        ("OLLAMA_API_KEY",),
        needs_key=False,
    ),
    Provider(
        LlmApiType.GEMINI,
        "gemini",
        "Gemini",
        "https://generativelanguage.googleapis.com",
        ("GEMINI_API_BASE", "GOOGLE_GEMINI_BASE_URL"),
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    Provider(
        LlmApiType.VERTEX_AI,
        "vertex",
        "Vertex AI",
        # Made of the region.
        None,
        ("VERTEX_AI_API_BASE", "GOOGLE_VERTEX_BASE_URL"),
        ("VERTEX_AI_ACCESS_TOKEN",),
        # Without a token, google-auth finds the application's default credentials.
        needs_key=False,
        config=VertexAiConfig,
        needs_config=True,
    ),
    Provider(
        LlmApiType.ANTHROPIC,
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com",
        ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
        ("ANTHROPIC_API_KEY",),
        embeds=False,
    ),
    Provider(
        LlmApiType.LITE_LLM,
        "openai",
        "LiteLLM",
        "http://127.0.0.1:4000",
        ("LITELLM_API_BASE", "LITELLM_PROXY_API_BASE"),
        ("LITELLM_API_KEY",),
        needs_key=False,
    ),
    Provider(
        LlmApiType.OPEN_ROUTER,
        "openai",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_BASE",),
        ("OPENROUTER_API_KEY",),
    ),
    Provider(
        LlmApiType.VOYAGE,
        "voyage",
        "Voyage",
        "https://api.voyageai.com/v1",
        ("VOYAGE_API_BASE",),
        ("VOYAGE_API_KEY",),
        generates=False,
    ),
    Provider(
        LlmApiType.VLLM,
        "openai",
        "vLLM",
        "http://127.0.0.1:8000/v1",
        ("VLLM_API_BASE",),
        ("VLLM_API_KEY",),
        needs_key=False,
    ),
    Provider(
        LlmApiType.BEDROCK,
        "bedrock",
        "Bedrock",
        # Made of the region.
        None,
        ("BEDROCK_API_BASE", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        ("BEDROCK_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"),
        # Without a bearer token, botocore signs requests with the usual AWS credentials.
        needs_key=False,
        embeds=False,
    ),
    Provider(
        LlmApiType.NOVITA,
        "openai",
        "Novita",
        "https://api.novita.ai/openai/v1",
        ("NOVITA_API_BASE",),
        ("NOVITA_API_KEY",),
    ),
)
_BY_TYPE = {provider.api_type: provider for provider in _PROVIDERS}


def provider_of(api_type: LlmApiType) -> Provider:
    """Return the provider behind an API type."""
    return _BY_TYPE[LlmApiType(api_type)]


def require_generation(provider: Provider) -> None:
    """Raise `DefinitionError` unless the provider has models that generate."""
    if not provider.generates:
        raise DefinitionError(
            f"{provider.title} (LlmApiType.{provider.api_type.name}) has no models that generate.",
            hint=f"Choose one of: {_names(generates=True)}.",
        )


def require_embedding(provider: Provider) -> None:
    """Raise `DefinitionError` unless the provider has models that embed."""
    if not provider.embeds:
        raise DefinitionError(
            f"{provider.title} (LlmApiType.{provider.api_type.name}) has no models that embed.",
            hint=f"Choose one of: {_names(generates=False)}.",
        )


def check_config(provider: Provider, config: LlmApiConfig | None) -> None:
    """Raise `DefinitionError` unless `config` is what the provider takes."""
    wanted = provider.config
    if config is None:
        if provider.needs_config and wanted is not None:
            raise DefinitionError(
                f"{provider.title} needs its configuration, but api_config is not given.",
                hint=f"Pass api_config={wanted.__name__}(...).",
            )
        return
    if wanted is None or not isinstance(config, wanted):
        takes = f"takes {wanted.__name__}" if wanted is not None else "takes none"
        raise DefinitionError(
            f"api_config is a {type(config).__name__}; {provider.title} {takes}.",
            hint="Correct api_config, or leave it out.",
        )


def _names(*, generates: bool) -> str:
    fit = (each for each in _PROVIDERS if (each.generates if generates else each.embeds))
    return ", ".join(sorted(each.api_type.name for each in fit))
