"""Google's protocol: the Gemini API, and the same models in Vertex AI."""

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
from coco_flow.llm.spec import VertexAiConfig

__all__ = ["GeminiProtocol", "VertexAiProtocol", "vertex_address"]

# The most that batchEmbedContents takes is 100.
_LARGEST_BATCH = 64


class GeminiProtocol:
    """The Gemini API of Google AI Studio."""

    # Response schemas are a subset of OpenAPI 3.0.
    dialect = SchemaDialect(
        closed=False, nullable_keyword=True, ordered=True, free_form=False, integer_choices=False
    )
    title = "Gemini"

    def generate(self, connection: Connection, request: GenerateRequest) -> HttpCall:
        """Ask for content with a response schema."""
        contents = [{"role": "user", "parts": _parts(request)}]
        for correction in request.corrections:
            contents.append({"role": "model", "parts": [{"text": correction.answer}]})
            contents.append({"role": "user", "parts": [{"text": correction.problem}]})
        body: dict[str, Any] = {
            "systemInstruction": {"parts": [{"text": request.system}]},
            "contents": contents,
        }
        if request.structured:
            body["generationConfig"] = {
                "responseMimeType": "application/json",
                "responseSchema": request.schema.document,
            }
        return self._call(connection, request.model, "generateContent", body)

    def answer(self, body: Any) -> Answer:
        """Join the text of the first candidate."""
        try:
            candidates = body.get("candidates") or []
            if not candidates:
                reason = body["promptFeedback"]["blockReason"]
                raise Unreadable(
                    f"{self.title} gave no answer (block reason {reason!r}).",
                    hint="Change the text, the instruction or the model.",
                )
            candidate = candidates[0]
            reason = candidate.get("finishReason")
            parts = (candidate.get("content") or {}).get("parts") or []
            text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
        except (LookupError, TypeError, AttributeError) as error:
            raise malformed(self.title, body) from error
        if not text:
            raise Unreadable(
                f"{self.title} gave an empty answer (finish reason {reason!r}).",
                hint="Change the text, the instruction or the model.",
            )
        return Answer(text, cut=reason == "MAX_TOKENS")

    def largest_batch(self, model: str) -> int:  # noqa: ARG002 - the same for all
        """Return a number that the API takes."""
        return _LARGEST_BATCH

    def embed(self, connection: Connection, request: EmbedRequest) -> HttpCall:
        """Ask for a batch of embeddings."""
        options: dict[str, Any] = {}
        if request.task_type is not None:
            options["taskType"] = request.task_type
        if request.output_dimension is not None:
            options["outputDimensionality"] = request.output_dimension
        model = f"models/{request.model.removeprefix('models/')}"
        requests = [
            {"model": model, "content": {"parts": [{"text": text}]}, **options}
            for text in request.texts
        ]
        return self._call(connection, request.model, "batchEmbedContents", {"requests": requests})

    def vectors(self, body: Any) -> Sequence[Sequence[float]]:
        """Read the vectors in order."""
        try:
            return [row["values"] for row in body["embeddings"]]
        except (LookupError, TypeError) as error:
            raise malformed(self.title, body) from error

    def _call(
        self, connection: Connection, model: str, method: str, body: dict[str, Any]
    ) -> HttpCall:
        name = quote(model.removeprefix("models/"), safe="")
        base = connection.address.removesuffix("/v1beta")
        headers = {"x-goog-api-key": connection.key} if connection.key else {}
        return HttpCall(f"{base}/v1beta/models/{name}:{method}", body, headers)


class VertexAiProtocol(GeminiProtocol):
    """The same in a project of Google Cloud, with a bearer token, and with other embeddings."""

    title = "Vertex AI"

    def largest_batch(self, model: str) -> int:
        """Return what the prediction service takes: one text for the newest models."""
        return 1 if model.startswith("gemini-embedding") else _LARGEST_BATCH

    def embed(self, connection: Connection, request: EmbedRequest) -> HttpCall:
        """Ask the prediction service, which serves the embedding models."""
        task = {} if request.task_type is None else {"task_type": request.task_type}
        body: dict[str, Any] = {"instances": [{"content": text, **task} for text in request.texts]}
        if request.output_dimension is not None:
            body["parameters"] = {"outputDimensionality": request.output_dimension}
        return self._call(connection, request.model, "predict", body)

    def vectors(self, body: Any) -> Sequence[Sequence[float]]:
        """Read the predictions in order."""
        try:
            return [row["embeddings"]["values"] for row in body["predictions"]]
        except (LookupError, TypeError) as error:
            raise malformed(self.title, body) from error

    def _call(
        self, connection: Connection, model: str, method: str, body: dict[str, Any]
    ) -> HttpCall:
        config = connection.config
        assert isinstance(config, VertexAiConfig)
        project, region = quote(config.project, safe=""), quote(_region(config), safe="")
        path = f"projects/{project}/locations/{region}/publishers/google/models"
        base = connection.address.removesuffix("/v1")
        headers = {"Authorization": f"Bearer {connection.key}"} if connection.key else {}
        return HttpCall(f"{base}/v1/{path}/{quote(model, safe='')}:{method}", body, headers)


def vertex_address(config: VertexAiConfig) -> str:
    """Return the address of a region's service."""
    region = _region(config)
    host = "aiplatform" if region == "global" else f"{region}-aiplatform"
    return f"https://{host}.googleapis.com"


def _region(config: VertexAiConfig) -> str:
    return config.region or "global"


def _parts(request: GenerateRequest) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": request.prompt}] if request.prompt else []
    if request.image is not None:
        data = base64.b64encode(request.image).decode("ascii")
        parts.append({"inlineData": {"mimeType": image_type(request.image), "data": data}})
    return parts
