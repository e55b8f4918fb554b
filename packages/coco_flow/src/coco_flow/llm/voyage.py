"""Voyage's protocol: embeddings only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coco_flow.llm.protocol import Connection, EmbedRequest, HttpCall, malformed

__all__ = ["VoyageProtocol"]

# The API takes 1,000 texts, but only 120,000 tokens of them.
_LARGEST_BATCH = 64


class VoyageProtocol:
    """``/embeddings`` with an input type."""

    def largest_batch(self, model: str) -> int:  # noqa: ARG002 - the same for all
        """Return a number that stays within the limit of tokens."""
        return _LARGEST_BATCH

    def embed(self, connection: Connection, request: EmbedRequest) -> HttpCall:
        """Ask for embeddings."""
        body: dict[str, Any] = {"model": request.model, "input": list(request.texts)}
        if request.task_type is not None:
            body["input_type"] = request.task_type
        if request.output_dimension is not None:
            body["output_dimension"] = request.output_dimension
        headers = {"Authorization": f"Bearer {connection.key}"} if connection.key else {}
        return HttpCall(f"{connection.address}/embeddings", body, headers)

    def vectors(self, body: Any) -> Sequence[Sequence[float]]:
        """Read the vectors by their index."""
        try:
            rows = sorted(body["data"], key=lambda row: row.get("index", 0))
            return [row["embedding"] for row in rows]
        except (LookupError, TypeError, AttributeError) as error:
            raise malformed("Voyage", body) from error
