"""Embed texts with a server that speaks OpenAI's embeddings protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coco_core.errors import InvalidConfig, Unavailable
from coco_core.ports import Embedder
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.budget import EmbeddingBudget
from coco_embed.model_server import CHARACTERS_PER_TOKEN, ModelServer
from coco_embed.tokenizer import clean_text
from coco_embed.workers import DocumentWorkers

if TYPE_CHECKING:
    import httpx

__all__ = ["HttpEmbedder"]

# About 15 s of waiting in all for documents; a person waits for a query.
_DOCUMENT_ATTEMPTS = 6
_QUERY_ATTEMPTS = 2
# The dimension of a model that is yet to be asked.
_UNKNOWN = 0


class HttpEmbedder:
    """A remote embedding model; every method may be called from any thread at any time."""

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        dimension: int,
        max_tokens: int = 512,
        api_key_env: str | None = None,
        batch_size: int = 64,
        parallel: int = 4,
        timeout: float = 30.0,
        before_work: Callable[[], None] | None = None,
        budget: EmbeddingBudget | None = None,
    ) -> None:
        """Describe the server; nothing is sent before the first text.

        Args:
            base_url: What stands before ``/embeddings``, as in ``http://127.0.0.1:8000/v1``.
            model: The server's name of the model.
            dimension: Length of its vectors; another length in an answer is an error.
            max_tokens: Longest input of the model.
            api_key_env: Environment variable with the key, read at each request.
            batch_size: Texts in one request.
            parallel: Requests for documents at a time.
            timeout: Seconds that one request may take.
            before_work: Called before each request for documents; see `OnnxEmbedder`.
            budget: What all requests together may spend; no limit when not given.
        """
        for name, value in {"dimension": dimension, "batch_size": batch_size}.items():
            if value < 1:
                raise InvalidConfig(f"{name} is {value}; at least 1 is needed.")
        self._server = ModelServer(
            kind="embedding server",
            url=base_url.rstrip("/") + "/embeddings",
            model=model,
            api_key_env=api_key_env,
            timeout=timeout,
        )
        self._dimension = dimension
        self._max_tokens = max_tokens
        self._batch_size = batch_size
        self._before_work = before_work
        self._budget = budget or EmbeddingBudget()
        self._workers = DocumentWorkers(parallel)

    @classmethod
    def probe(
        cls, base_url: str, model: str, *, api_key_env: str | None = None, timeout: float = 30.0
    ) -> int:
        """Ask a server for the dimension of a model's vectors.

        Raises:
            Unavailable: it gives no vector.
        """
        embedder = cls(
            base_url=base_url, model=model, dimension=1, api_key_env=api_key_env, timeout=timeout
        )
        try:
            embedder._dimension = _UNKNOWN
            return len(embedder.embed_query("dimension"))
        finally:
            embedder.close()

    @property
    def name(self) -> str:
        """Model, window and dimension; the server's address may change."""
        return f"{self._server.model}@{self._max_tokens}/{self._dimension}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Longest input in the model's tokens; the cut is estimated from characters."""
        return self._max_tokens

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32[n, d] in the order of ``texts``; equal texts are sent once."""
        places: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            places.setdefault(text, []).append(place)
        unique = list(places)
        vectors = np.empty((len(texts), self._dimension), np.float32)

        def embed(batch: Sequence[str], check: Callable[[], None]) -> None:
            check()
            if self._before_work is not None:
                self._before_work()
            answer = self._request(batch, _DOCUMENT_ATTEMPTS, check)
            for text, row in zip(batch, answer, strict=True):
                vectors[places[text]] = row

        size = self._batch_size
        batches = [unique[start : start + size] for start in range(0, len(unique), size)]
        self._workers.run(embed, batches)
        return vectors

    def embed_query(self, text: str) -> FloatVector:
        """Return float32[d]; gives up sooner than documents do."""
        vector: FloatVector = self._request([text], _QUERY_ATTEMPTS, lambda: None)[0]
        return vector

    def unload(self) -> None:
        """Close idle connections; the next text opens them again."""
        self._server.unload()

    def close(self) -> None:
        """End waiting and connections; calls in progress raise `Unavailable` at once."""
        self._server.close()
        self._workers.close()

    def _request(
        self, texts: Sequence[str], attempts: int, check: Callable[[], None]
    ) -> FloatMatrix:
        limit = self._max_tokens * CHARACTERS_PER_TOKEN
        # Servers refuse empty input.
        body = {
            "model": self._server.model,
            "input": [clean_text(text[:limit]) or " " for text in texts],
            "encoding_format": "float",
        }
        self._budget.spend(len(texts))
        response = self._server.post(
            body, attempts, before_attempt=check, before_wait=self._budget.wait
        )
        return self._vectors(response, len(texts))

    def _vectors(self, response: httpx.Response, count: int) -> FloatMatrix:
        try:
            rows = _rows(response, count)
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"The embedding server {self._server.url} gave an answer that cannot be used: "
                f"{error!r}.",
                hint="Check that the URL is that of an OpenAI-compatible /embeddings route.",
            ) from error
        for row in rows:
            if self._dimension == _UNKNOWN:
                self._dimension = len(row)
            if row.shape != (self._dimension,):
                raise InvalidConfig(
                    f"{self._server.model!r} at {self._server.url} has vectors of shape "
                    f"{row.shape}, not of dimension {self._dimension}.",
                    hint="Set the embedder's dimension to the model's.",
                )
        vectors: FloatMatrix = np.vstack(rows)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or (lengths == 0).any():
            raise Unavailable(
                f"{self._server.model!r} at {self._server.url} gave a vector without direction."
            )
        unit: FloatMatrix = np.divide(vectors, lengths, dtype=np.float32)
        return unit


def _rows(response: httpx.Response, count: int) -> list[FloatVector]:
    items: list[dict[str, Any]] = response.json()["data"]
    ordered = sorted(items, key=lambda item: int(item["index"]))
    if [int(item["index"]) for item in ordered] != list(range(count)):
        raise ValueError(f"it has {len(ordered)} vectors for {count} texts")
    rows: list[FloatVector] = [np.asarray(item["embedding"], np.float32) for item in ordered]
    return rows


_: type[Embedder] = HttpEmbedder
