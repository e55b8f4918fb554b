"""What a product brings to a search: an executor and a hydrator, as structural types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.search.pieces import QueryTerms
from coco_core.search.request import SearchRequest
from coco_core.types import Candidate, CandidateSet, FloatVector

__all__ = ["Hydrator", "SearchExecutor"]

HitT = TypeVar("HitT")


class SearchExecutor(Protocol):
    """A store's half of a search: it finds candidates and never decides relevance."""

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Apply the intent's filters, then take each stage's best and score them in both stages.

        Chunks that define one of ``request.limits.definitions`` come along whatever their scores,
        and so do those that `promising_chunks` names.
        """
        ...


class Hydrator(Protocol[HitT]):
    """Turns ranked candidates into the product's hits, from where their text is kept."""

    def texts(self, candidates: Sequence[Candidate]) -> Sequence[str]:
        """Return the texts of candidates as they are now, in order; empty where one is gone."""
        ...

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        """Fetch at once what `locate` needs of candidates that will probably make the page."""
        ...

    def locate(self, ranked: Ranked) -> tuple[int, int] | None:
        """Return the first and the last line of a candidate now; None when its text is gone."""
        ...

    def read(self, picks: Sequence[Pick]) -> list[str]:
        """Return what a reranker reads of located candidates: header and text, in order.

        `hydrate` needs no store for them afterwards, and takes their scores from its own argument.
        """
        ...

    def hydrate(self, picks: Sequence[Pick], terms: QueryTerms) -> list[HitT]:
        """Return the hits of the page, in order; each was located before."""
        ...
