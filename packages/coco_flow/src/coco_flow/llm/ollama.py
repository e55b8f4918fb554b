"""Ollama's own protocol."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from coco_flow.llm.json_schema import SchemaDialect
from coco_flow.llm.protocol import (
    Answer,
    Connection,
    EmbedRequest,
    GenerateRequest,
    HttpCall,
    malformed,
)

__all__ = ["OllamaProtocol"]

_LARGEST_BATCH = 64


class OllamaProtocol:
    """``/api/generate`` with a format, and ``/api/embed``."""

    # The format constrains the output, but the model does not see it.
    dialect = SchemaDialect(formats=True, object_root=False, in_prompt=True)

    def generate(self, connection: Connection, request: GenerateRequest) -> HttpCall:
        """Ask for a completion that follows a format."""
        prompt = [request.prompt]
        for correction in request.corrections:
            prompt += ["Your earlier answer:", correction.answer, correction.problem]
        body: dict[str, Any] = {
            "model": request.model,
            "system": request.system,
            "prompt": "\n\n".join(part for part in prompt if part),
            "stream": False,
        }
        if request.structured:
            body["format"] = request.schema.document
        if request.image is not None:
            body["images"] = [base64.b64encode(request.image).decode("ascii")]
        return _call(connection, "generate", body)

    def answer(self, body: Any) -> Answer:
        """Read the response."""
        try:
            return Answer(str(body["response"]), cut=body.get("done_reason") == "length")
        except (LookupError, TypeError, AttributeError) as error:
            raise malformed("Ollama", body) from error

    def largest_batch(self, model: str) -> int:  # noqa: ARG002 - the same for all
        """Return how many texts keep one answer small."""
        return _LARGEST_BATCH

    def embed(self, connection: Connection, request: EmbedRequest) -> HttpCall:
        """Ask for embeddings."""
        body: dict[str, Any] = {"model": request.model, "input": list(request.texts)}
        if request.output_dimension is not None:
            body["dimensions"] = request.output_dimension
        return _call(connection, "embed", body)

    def vectors(self, body: Any) -> Sequence[Sequence[float]]:
        """Read the vectors in order."""
        try:
            return list(body["embeddings"])
        except (LookupError, TypeError) as error:
            raise malformed("Ollama", body) from error


def _call(connection: Connection, path: str, body: dict[str, Any]) -> HttpCall:
    headers = {"Authorization": f"Bearer {connection.key}"} if connection.key else {}
    return HttpCall(f"{connection.address}/api/{path}", body, headers)
