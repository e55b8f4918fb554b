"""A client of one model behind a provider's API: generates answers, embeds texts."""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from coco_core.errors import InvalidConfig, Unreadable
from coco_flow.auth import TransientAuthEntryReference, resolve_auth_entry
from coco_flow.errors import DefinitionError, missing_extra
from coco_flow.llm.anthropic import AnthropicProtocol
from coco_flow.llm.bedrock import BedrockProtocol, bedrock_address, sign
from coco_flow.llm.gemini import GeminiProtocol, VertexAiProtocol, vertex_address
from coco_flow.llm.http import post
from coco_flow.llm.json_schema import SchemaDialect
from coco_flow.llm.limits import gate_for
from coco_flow.llm.ollama import OllamaProtocol
from coco_flow.llm.openai import AzureOpenAiProtocol, OpenAiProtocol
from coco_flow.llm.protocol import (
    Answer,
    Connection,
    EmbeddingApi,
    EmbedRequest,
    GenerateRequest,
    GenerationApi,
)
from coco_flow.llm.providers import (
    Provider,
    check_config,
    provider_of,
    require_embedding,
    require_generation,
)
from coco_flow.llm.spec import AzureOpenAiConfig, LlmApiConfig, LlmApiType, VertexAiConfig
from coco_flow.llm.voyage import VoyageProtocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EmbeddingClient", "GenerationClient", "deployment_of"]

ApiT = TypeVar("ApiT")

_GENERATION: Mapping[str, GenerationApi] = MappingProxyType(
    {
        "openai": OpenAiProtocol(),
        "azure": AzureOpenAiProtocol(),
        "anthropic": AnthropicProtocol(),
        "gemini": GeminiProtocol(),
        "vertex": VertexAiProtocol(),
        "ollama": OllamaProtocol(),
        "bedrock": BedrockProtocol(),
    }
)
_EMBEDDING: Mapping[str, EmbeddingApi] = MappingProxyType(
    {
        "openai": OpenAiProtocol(),
        "azure": AzureOpenAiProtocol(),
        "gemini": GeminiProtocol(),
        "vertex": VertexAiProtocol(),
        "ollama": OllamaProtocol(),
        "voyage": VoyageProtocol(),
    }
)


@dataclass(frozen=True, slots=True)
class _Account:
    """Where a provider is reached, as a spec says it; the environment is read at each request."""

    provider: Provider
    address: str | None
    api_key: TransientAuthEntryReference[str] | None
    config: LlmApiConfig | None

    async def connect(self) -> Connection:
        provider = self.provider
        key = self._key()
        if key is None and provider.protocol == "vertex":
            key = await asyncio.to_thread(_google_token)
        address = self.address or _first(provider.address_variables)
        # The user's own server may need none.
        own = address is None or provider.address is None
        if key is None and provider.needs_key and own:
            raise InvalidConfig(
                f"{provider.title} needs a key, but {provider.key_variables[0]} is not set and the "
                "spec has no api_key.",
                hint=f"Set the environment variable {provider.key_variables[0]}, or pass "
                "api_key=coco_flow.add_transient_auth_entry(KEY).",
            )
        return Connection(provider.title, _url(address or self._own()), key, self.config)

    def _own(self) -> str:
        if self.provider.protocol == "vertex":
            assert isinstance(self.config, VertexAiConfig)
            return vertex_address(self.config)
        if self.provider.protocol == "bedrock":
            return bedrock_address()
        if self.provider.address is None:
            variable = self.provider.address_variables[0]
            raise InvalidConfig(
                f"{self.provider.title} has no address of its own, but the spec gives none and "
                f"{variable} is not set.",
                hint=f"Set the environment variable {variable}, or pass address=URL.",
            )
        return self.provider.address

    def _key(self) -> str | None:
        if self.api_key is not None:
            return resolve_auth_entry(self.api_key)
        return _first(self.provider.key_variables)


class _Client(ABC, Generic[ApiT]):
    def __init__(
        self,
        api_type: LlmApiType,
        model: str,
        *,
        address: str | None = None,
        api_key: TransientAuthEntryReference[str] | None = None,
        api_config: LlmApiConfig | None = None,
    ) -> None:
        """Describe the model; nothing is sent, and no variable read, before the first request.

        Raises:
            DefinitionError: The provider offers no such thing, or `api_config` is not its own.
            ExtraMissing: The package that sends requests is not installed.
        """
        if find_spec("httpx") is None:
            raise missing_extra("A call to a language model's API", "httpx", "llm")
        self.provider = provider_of(api_type)
        self.model = model
        if not model:
            raise DefinitionError("The model has no name.", hint="Pass model=NAME.")
        check_config(self.provider, api_config)
        self._account = _Account(self.provider, address, api_key, api_config)
        self._api = self._find_api()

    @abstractmethod
    def _find_api(self) -> ApiT:
        """Return the provider's API, or raise `DefinitionError` if it has none of this kind."""

    async def _post(self, connection: Connection, call: Any) -> Any:
        gate = gate_for(self.provider.api_type, connection.address, connection.key)
        signed = self.provider.protocol == "bedrock" and connection.key is None
        return await post(connection, call, gate, sign=sign if signed else None)


class GenerationClient(_Client[GenerationApi]):
    """A model that generates; usable from any event loop."""

    def _find_api(self) -> GenerationApi:
        require_generation(self.provider)
        return _GENERATION[self.provider.protocol]

    @property
    def dialect(self) -> SchemaDialect:
        """Which JSON schemas the provider accepts."""
        return self._api.dialect

    async def generate(self, request: GenerateRequest) -> Answer:
        """Return the model's answer.

        Raises:
            CocoError: See `coco_flow.llm.http.post`; or the answer is empty or refused.
        """
        connection = await self._account.connect()
        return self._api.answer(
            await self._post(connection, self._api.generate(connection, request))
        )


class EmbeddingClient(_Client[EmbeddingApi]):
    """A model that embeds; usable from any event loop."""

    def _find_api(self) -> EmbeddingApi:
        require_embedding(self.provider)
        return _EMBEDDING[self.provider.protocol]

    async def embed(
        self,
        texts: Sequence[str],
        *,
        output_dimension: int | None = None,
        task_type: str | None = None,
    ) -> list[NDArray[np.float32]]:
        """Return a vector for each text, in order; equal texts are sent once.

        The texts are sent in batches of the provider's size, in parallel.

        Raises:
            CocoError: See `coco_flow.llm.http.post`; or the answer has other vectors than asked.
        """
        connection = await self._account.connect()
        # Providers refuse empty texts.
        unique = list(dict.fromkeys(text or " " for text in texts))
        size = self._api.largest_batch(self.model)
        batches = [unique[start : start + size] for start in range(0, len(unique), size)]
        found: dict[str, NDArray[np.float32]] = {}

        async def embed_batch(batch: Sequence[str]) -> None:
            request = EmbedRequest(self.model, batch, output_dimension, task_type)
            body = await self._post(connection, self._api.embed(connection, request))
            rows = self._api.vectors(body)
            if len(rows) != len(batch):
                raise Unreadable(
                    f"{self.provider.title} sent {len(rows)} vectors of {self.model!r} for "
                    f"{len(batch)} texts.",
                    hint="Check that the address is that of this provider's API.",
                )
            found.update(zip(batch, (self._vector(row) for row in rows), strict=True))

        await _await_all([embed_batch(batch) for batch in batches])
        return [found[text or " "] for text in texts]

    def _vector(self, row: Any) -> NDArray[np.float32]:
        import numpy as np

        try:
            vector = np.asarray(row, np.float32)
        except (ValueError, TypeError) as error:
            raise Unreadable(
                f"{self.provider.title} sent a vector of {self.model!r} that is not numbers.",
                hint="Check that the address is that of this provider's API.",
            ) from error
        if vector.ndim != 1 or not np.isfinite(vector).all():
            raise Unreadable(
                f"{self.provider.title} sent a vector of {self.model!r} of shape {vector.shape} "
                "or with numbers that are not finite.",
                hint="Check that the model embeds texts.",
            )
        return vector


def deployment_of(config: LlmApiConfig | None) -> str | None:
    """Return the part of a configuration that decides which model answers."""
    return config.deployment_id if isinstance(config, AzureOpenAiConfig) else None


async def _await_all(work: list[Any]) -> None:
    """Await all; the first failure ends the others and is raised as it is, not in a group."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _first(variables: tuple[str, ...]) -> str | None:
    return next((found for name in variables if (found := os.environ.get(name))), None)


def _url(address: str) -> str:
    """Return an address with its scheme, which OLLAMA_HOST leaves out, and without a last slash."""
    return (address if "://" in address else f"http://{address}").rstrip("/")


_google_lock = threading.Lock()
_google_credentials: list[Any] = []


def _google_token() -> str:
    """Return an access token of the application's default credentials, refreshed if need be."""
    try:
        import google.auth
        import google.auth.exceptions
        from google.auth.transport.requests import Request
    except ImportError as error:
        raise missing_extra(
            "Vertex AI without an access token (VERTEX_AI_ACCESS_TOKEN)",
            "google-auth[requests]",
            "vertex",
        ) from error
    with _google_lock:
        try:
            if not _google_credentials:
                scopes = ["https://www.googleapis.com/auth/cloud-platform"]
                _google_credentials.append(google.auth.default(scopes=scopes)[0])
            credentials = _google_credentials[0]
            if not credentials.valid:
                credentials.refresh(Request())
        except google.auth.exceptions.GoogleAuthError as error:
            raise InvalidConfig(
                f"Google Cloud gives no access token: {error}.",
                hint="Run gcloud auth application-default login, or set VERTEX_AI_ACCESS_TOKEN.",
            ) from error
        return str(credentials.token)
