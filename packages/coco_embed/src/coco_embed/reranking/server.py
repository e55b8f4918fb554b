"""Rerankers behind a server that speaks the common ``/rerank`` protocol.

Cohere, Jina, Voyage, vLLM, Infinity and llama.cpp take ``{"model", "query", "documents"}`` and
answer ``{"results": [{"index", "relevance_score"}]}`` (or ``data``); text-embeddings-inference
takes ``{"query", "texts"}`` and answers ``[{"index", "score"}]``. Which form a server takes is
found out with the first request.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from coco_core.errors import Unavailable
from coco_core.ports import Reranker
from coco_core.types import FloatVector
from coco_embed.model_server import CHARACTERS_PER_TOKEN, STATUS, ModelServer
from coco_embed.reranking.probability import sigmoid
from coco_embed.reranking.registered import RegisteredReranker
from coco_embed.tokenizer import clean_text

if TYPE_CHECKING:
    import httpx

__all__ = ["ServerReranker"]

# A person waits.
_ATTEMPTS: Final = 2
# The most that text-embeddings-inference takes by default; others take more.
_BATCH: Final = 32
# What a server answers to a body whose fields it does not know.
_OTHER_FORM: Final = frozenset({400, 422})
# What a server's model usually reads, where its registration does not say.
_SERVER_WINDOW: Final = 512
_SCORE_FIELDS: Final = ("relevance_score", "score")
_LIST_FIELDS: Final = ("results", "data")

_Form = Literal["documents", "texts"]


class ServerReranker:
    """A remote cross-encoder; every method may be called from any thread at any time."""

    def __init__(self, model: RegisteredReranker) -> None:
        """Describe the server; nothing is sent before the first query."""
        assert model.url is not None
        self.name = model.name
        self.max_tokens = model.max_tokens or _SERVER_WINDOW
        self._server = ModelServer(
            kind="reranking server",
            url=f"{model.url}/rerank",
            model=model.model or model.name,
            api_key_env=model.api_key_env,
        )
        self._form: _Form | None = None

    def score(self, query: str, texts: Sequence[str], *, seconds: float) -> FloatVector:
        """Return float32[n] in the order of ``texts``; see `coco_core.ports.Reranker`."""
        deadline = time.monotonic() + seconds
        limit = self.max_tokens * CHARACTERS_PER_TOKEN
        # The text loses its end, and the query only what is longer than half of the window.
        asked = clean_text(query[: limit // 2])
        room = limit - len(asked)
        # Servers refuse empty input.
        read = [clean_text(text[:room]) if text.strip() else "-" for text in texts]
        raw: list[float] = []
        for start in range(0, len(read), _BATCH):
            raw += self._batch(asked, read[start : start + _BATCH], deadline)
        scores = np.array(raw, np.float64)
        if len(raw) and (scores.min() < 0 or scores.max() > 1):
            # Some servers pass on what the model computes before it is brought to 0 to 1.
            scores = sigmoid(scores)
        return scores.astype(np.float32)

    def close(self) -> None:
        """End waiting and connections; calls in progress raise `Unavailable` at once."""
        self._server.close()

    def _batch(self, query: str, texts: Sequence[str], deadline: float) -> list[float]:
        form: _Form = self._form or "documents"
        try:
            response = self._server.post(
                self._body(form, query, texts), _ATTEMPTS, deadline=deadline
            )
        except Unavailable as error:
            if self._form is not None or error.details.get(STATUS) not in _OTHER_FORM:
                raise
            form = "texts"
            try:
                response = self._server.post(
                    self._body(form, query, texts), _ATTEMPTS, deadline=deadline
                )
            except Unavailable:
                # What it said of the usual form tells more.
                raise error from None
        scores = self._scores(response, len(texts))
        self._form = form
        return scores

    def _body(self, form: _Form, query: str, texts: Sequence[str]) -> Mapping[str, object]:
        # No more fields than needed: some servers refuse those that they do not know. All give a
        # score to every text unless they are asked for fewer.
        if form == "documents":
            return {"model": self._server.model, "query": query, "documents": list(texts)}
        return {"query": query, "texts": list(texts), "truncate": True}

    def _scores(self, response: httpx.Response, count: int) -> list[float]:
        try:
            return _read(response.json(), count)
        except (ValueError, RecursionError) as error:
            raise Unavailable(
                f"The reranking server {self._server.url} gave an answer that cannot be used: "
                f"{error}.",
                hint="Check that the URL is that of a /rerank route.",
            ) from error


def _read(answer: object, count: int) -> list[float]:
    """Return the score of each text; whatever is wrong raises ValueError."""
    items: object = answer
    if isinstance(answer, Mapping):
        items = next((answer[name] for name in _LIST_FIELDS if name in answer), None)
    if not isinstance(items, list):
        raise ValueError("it has no list of results")
    scores: dict[int, float] = {}
    for item in items:
        if not isinstance(item, Mapping):
            raise ValueError(f"a result is {item!r}")
        index = item.get("index")
        score = next((item[name] for name in _SCORE_FIELDS if name in item), None)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            raise ValueError(f"the index of a result is {index!r}, of {count} texts")
        if index in scores:
            raise ValueError(f"the index {index} comes twice")
        if not isinstance(score, int | float) or isinstance(score, bool):
            raise ValueError(f"the score of text {index} is {score!r}")
        if not math.isfinite(score):
            raise ValueError(f"the score of text {index} is no number")
        scores[index] = float(score)
    if len(scores) != count:
        raise ValueError(f"it has {len(scores)} scores for {count} texts")
    return [scores[index] for index in range(count)]


_: type[Reranker] = ServerReranker
