"""OpenAI's protocol, which many servers speak: chat completions and embeddings."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from coco_core.errors import Unreadable
from coco_flow.llm.json_schema import SchemaDialect
from coco_flow.llm.protocol import (
    Answer,
    Connection,
    EmbedRequest,
    GenerateRequest,
    HttpCall,
    image_type,
    malformed,
)
from coco_flow.llm.spec import AzureOpenAiConfig, OpenAiConfig

__all__ = ["AzureOpenAiProtocol", "OpenAiProtocol"]

# The first version of Azure's API that takes JSON schemas.
_AZURE_VERSION = "2024-08-01-preview"
# What every provider takes; OpenAI itself takes 2,048.
_LARGEST_BATCH = 64


class OpenAiProtocol:
    """OpenAI, vLLM, LiteLLM, OpenRouter, Novita, and whatever else speaks like them."""

    # Strict mode wants every field required and closed objects; an absent one is null.
    dialect = SchemaDialect(all_required=True)

    def generate(self, connection: Connection, request: GenerateRequest) -> HttpCall:
        """Ask for a chat completion with a response format."""
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": request.system},
            {"role": "user", "content": _user_content(request)},
        ]
        for correction in request.corrections:
            messages.append({"role": "assistant", "content": correction.answer})
            messages.append({"role": "user", "content": correction.problem})
        body: dict[str, Any] = {"model": request.model, "messages": messages}
        if request.structured:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": request.schema.name,
                    "schema": request.schema.document,
                    "strict": request.schema.strict,
                },
            }
        return HttpCall(self._url(connection, "chat/completions"), body, self._headers(connection))

    def answer(self, body: Any) -> Answer:
        """Read the first choice."""
        try:
            choice = body["choices"][0]
            message = choice["message"]
            text, refusal = message.get("content"), message.get("refusal")
        except (LookupError, TypeError, AttributeError) as error:
            raise malformed("The server", body) from error
        if isinstance(text, list):
            # Some servers answer in parts.
            text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
        if not isinstance(text, str) or (refusal and not text):
            reason = f"refused: {refusal}" if refusal else "gave an empty answer"
            raise Unreadable(
                f"The model {reason} (finish reason {choice.get('finish_reason')!r}).",
                hint="Change the instruction or the model.",
            )
        return Answer(text, cut=choice.get("finish_reason") == "length")

    def largest_batch(self, model: str) -> int:  # noqa: ARG002 - the same for all
        """Return a number that every server takes."""
        return _LARGEST_BATCH

    def embed(self, connection: Connection, request: EmbedRequest) -> HttpCall:
        """Ask for embeddings."""
        body: dict[str, Any] = {
            "model": request.model,
            "input": list(request.texts),
            "encoding_format": "float",
        }
        if request.output_dimension is not None:
            body["dimensions"] = request.output_dimension
        return HttpCall(self._url(connection, "embeddings"), body, self._headers(connection))

    def vectors(self, body: Any) -> Sequence[Sequence[float]]:
        """Read the vectors by their index."""
        try:
            rows = sorted(body["data"], key=lambda row: row.get("index", 0))
            return [row["embedding"] for row in rows]
        except (LookupError, TypeError, AttributeError) as error:
            raise malformed("The server", body) from error

    def _url(self, connection: Connection, path: str) -> str:
        return f"{connection.address}/{path}"

    def _headers(self, connection: Connection) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {connection.key}"} if connection.key else {}
        config = connection.config
        if isinstance(config, OpenAiConfig):
            if config.org_id:
                headers["OpenAI-Organization"] = config.org_id
            if config.project_id:
                headers["OpenAI-Project"] = config.project_id
        return headers


class AzureOpenAiProtocol(OpenAiProtocol):
    """The same with deployments in the path and another header for the key."""

    def _url(self, connection: Connection, path: str) -> str:
        config = connection.config
        assert isinstance(config, AzureOpenAiConfig)
        deployment = quote(config.deployment_id, safe="")
        version = quote(config.api_version or _AZURE_VERSION, safe="")
        base = connection.address.removesuffix("/openai")
        return f"{base}/openai/deployments/{deployment}/{path}?api-version={version}"

    def _headers(self, connection: Connection) -> dict[str, str]:
        return {"api-key": connection.key} if connection.key else {}


def _user_content(request: GenerateRequest) -> str | list[dict[str, Any]]:
    if request.image is None:
        return request.prompt
    encoded = base64.b64encode(request.image).decode("ascii")
    url = f"data:{image_type(request.image)};base64,{encoded}"
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}}]
    if request.prompt:
        parts.insert(0, {"type": "text", "text": request.prompt})
    return parts
