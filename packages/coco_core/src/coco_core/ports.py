"""What a product must bring: structural types, checked where each product is composed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.search.request import SearchRequest
from coco_core.types import CandidateSet, FloatMatrix, FloatVector

__all__ = ["Embedder", "Hydrator", "Reranker", "SearchExecutor", "Tokenizer"]

HitT = TypeVar("HitT")


class Embedder(Protocol):
    """Turns texts into L2-normalised vectors."""

    @property
    def name(self) -> str:
        """Identity of the model and its settings; vectors of equal names can be compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Longest input in the model's tokens; what is beyond is cut."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32[n, d], in the order of ``texts``."""
        ...

    def embed_query(self, text: str) -> FloatVector:
        """Return float32[d]."""
        ...


class Reranker(Protocol):
    """Scores (query, text) pairs together; higher is better, the scale is the model's own."""

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return one score for each text, in order."""
        ...


class SearchExecutor(Protocol):
    """A store's half of a search: it finds candidates and never decides relevance."""

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Apply the intent's filters, then take each stage's best and score them in both stages.

        Chunks that define one of ``request.limits.definitions`` come along whatever their scores.
        """
        ...


class Hydrator(Protocol[HitT]):
    """Turns ranked candidates into the product's hits, from where their text is kept."""

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        """Fetch at once what `locate` needs of candidates that will probably make the page."""
        ...

    def locate(self, ranked: Ranked) -> tuple[int, int] | None:
        """Return the first and the last line of a candidate now; None when its text is gone."""
        ...

    def hydrate(self, picks: Sequence[Pick]) -> list[HitT]:
        """Return the hits of the page, in order; each was located before."""
        ...


class Tokenizer(Protocol):
    """Cuts a text into the tokens of an embedding model (or an estimate of them)."""

    def count(self, text: str) -> int:
        """Return the number of tokens in ``text``, special tokens excluded."""
        ...

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the half-open character range of every token, in order."""
        ...
