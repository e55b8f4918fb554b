"""Embed texts with a server that speaks OpenAI's embeddings protocol."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from coco_core.errors import InvalidConfig, Unavailable
from coco_core.ports import Embedder
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.budget import EmbeddingBudget
from coco_embed.workers import DocumentWorkers

if TYPE_CHECKING:
    import httpx

__all__ = ["HttpEmbedder"]

# Answers that another attempt may change: timeouts, rate limits, and servers that start or restart.
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
# About 15 s of waiting in all for documents; a person waits for a query.
_DOCUMENT_ATTEMPTS = 6
_QUERY_ATTEMPTS = 2
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
# A server usually refuses input above its window instead of cutting it. Code and prose have three
# characters a token and more, so that this cut keeps nearly every text whole and inside.
_CHARACTERS_PER_TOKEN = 3
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
        if not base_url.startswith(("http://", "https://")):
            raise InvalidConfig(
                f"The embedding server's URL is {base_url!r}.",
                hint="It must begin with http:// or https://.",
            )
        for name, value in {"dimension": dimension, "batch_size": batch_size}.items():
            if value < 1:
                raise InvalidConfig(f"{name} is {value}; at least 1 is needed.")
        self._url = base_url.rstrip("/") + "/embeddings"
        self._model = model
        self._dimension = dimension
        self._max_tokens = max_tokens
        self._api_key_env = api_key_env
        self._batch_size = batch_size
        self._timeout = timeout
        self._before_work = before_work
        self._budget = budget or EmbeddingBudget()
        self._workers = DocumentWorkers(parallel)
        self._closed = threading.Event()
        self._opening = threading.Lock()
        self._client: httpx.Client | None = None
        self._sockets: WeakSet[socket.socket] = WeakSet()

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
        return f"{self._model}@{self._max_tokens}/{self._dimension}"

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
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def close(self) -> None:
        """End waiting and connections; calls in progress raise `Unavailable` at once."""
        self._closed.set()
        self._hang_up()
        self._workers.close()
        self.unload()

    def _request(
        self, texts: Sequence[str], attempts: int, check: Callable[[], None]
    ) -> FloatMatrix:
        import httpx

        limit = self._max_tokens * _CHARACTERS_PER_TOKEN
        # Servers refuse empty input.
        body = {
            "model": self._model,
            "input": [text[:limit] or " " for text in texts],
            "encoding_format": "float",
        }
        problem = ""
        self._budget.spend(len(texts))
        for attempt in range(attempts):
            check()
            wait = _backoff(attempt)
            try:
                response = self._open().post(
                    self._url,
                    json=body,
                    headers=self._headers(),
                    extensions={"trace": self._trace},
                )
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if response.is_success:
                    return self._vectors(response, len(texts))
                problem = f"HTTP {response.status_code}: {response.text[:200]!r}"
                if response.status_code not in _RETRYABLE:
                    break
                asked = _retry_after(response.headers.get("Retry-After"))
                wait = _spread(asked) if asked else wait
            if attempt + 1 < attempts:
                self._budget.wait(wait, problem)
                if self._closed.wait(wait):
                    break
        raise Unavailable(
            f"The embedding server {self._url} gave no answer for {self._model!r} ({problem}).",
            hint=self._hint(problem),
        )

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the sockets of connections, so that a request in progress can be ended."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            found = info["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                self._sockets.add(found)
            if self._closed.is_set():
                self._hang_up()

    def _hang_up(self) -> None:
        for each in list(self._sockets):
            # Not the method of an SSL socket, which takes its state away under whoever reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _open(self) -> httpx.Client:
        import httpx

        with self._opening:
            if self._closed.is_set():
                raise Unavailable("The embedder is closed.", hint="Restart CoCo: coco restart")
            if self._client is None:
                timeout = httpx.Timeout(self._timeout, connect=_CONNECT_SECONDS)
                self._client = httpx.Client(timeout=timeout)
            return self._client

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(self._api_key_env, "") if self._api_key_env else ""
        if self._api_key_env and not key:
            raise InvalidConfig(
                f"The embedding server needs a key, but {self._api_key_env} is not set.",
                hint=f"Set the environment variable {self._api_key_env}.",
            )
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _vectors(self, response: httpx.Response, count: int) -> FloatMatrix:
        try:
            rows = _rows(response, count)
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"The embedding server {self._url} gave an answer that cannot be used: {error!r}.",
                hint="Check that the URL is that of an OpenAI-compatible /embeddings route.",
            ) from error
        for row in rows:
            if self._dimension == _UNKNOWN:
                self._dimension = len(row)
            if row.shape != (self._dimension,):
                raise InvalidConfig(
                    f"{self._model!r} at {self._url} has vectors of shape {row.shape}, "
                    f"not of dimension {self._dimension}.",
                    hint="Set the embedder's dimension to the model's.",
                )
        vectors: FloatMatrix = np.vstack(rows)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or (lengths == 0).any():
            raise Unavailable(f"{self._model!r} at {self._url} gave a vector without direction.")
        unit: FloatMatrix = np.divide(vectors, lengths, dtype=np.float32)
        return unit

    def _hint(self, problem: str) -> str:
        if problem.startswith(("HTTP 401", "HTTP 403")):
            return f"Check the key in {self._api_key_env or 'the variable that api_key_env names'}."
        if problem.startswith("HTTP 404"):
            return "Check the URL (it usually ends with /v1) and the model's name."
        return "Check that the server runs and can be reached."


def _rows(response: httpx.Response, count: int) -> list[FloatVector]:
    items: list[dict[str, Any]] = response.json()["data"]
    ordered = sorted(items, key=lambda item: int(item["index"]))
    if [int(item["index"]) for item in ordered] != list(range(count)):
        raise ValueError(f"it has {len(ordered)} vectors for {count} texts")
    rows: list[FloatVector] = [np.asarray(item["embedding"], np.float32) for item in ordered]
    return rows


def _backoff(attempt: int) -> float:
    """Return a wait that doubles, with jitter so that clients do not come back all at once."""
    return _FIRST_WAIT_SECONDS * 2.0**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def _spread(seconds: float) -> float:
    """Return a little more than what a server asks for, so that not all clients come back at once.

    Never less: a limit that resets on the second would refuse again.
    """
    return seconds * random.uniform(1.0, 1.1)  # noqa: S311 - no secret


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a server asks to wait: a number, or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)


_: type[Embedder] = HttpEmbedder
