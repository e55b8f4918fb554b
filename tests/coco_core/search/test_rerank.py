"""Reranking: what a cross-encoder's scores do to the order, the pages and the scores shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from coco_core.intent import RerankerOptions, SearchIntent
from coco_core.ranking import Ranked
from coco_core.search.course import FoundResults, SearchPage, StageClock, find_results
from coco_core.search.page import Pick
from coco_core.search.pieces import QueryTerms
from coco_core.search.request import SearchRequest
from coco_core.types import Candidate, CandidateSet, ChunkKind, ChunkMetadata, FloatVector

# Document 0 is the best by keywords; each has two chunks, the second one right behind the first.
DOCUMENTS = 8


class Store:
    """Eight documents of two chunks; scores fall from 16 to 1."""

    def __init__(self) -> None:
        self.read_keys: list[int] = []

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        del request, query_vector
        found = [
            Candidate(
                ChunkMetadata(
                    n, f"{n // 2}.txt", ChunkKind.TEXT, "text", "", (), 1 + 50 * (n % 2), 9, 10
                ),
                float(2 * DOCUMENTS - n),
            )
            for n in range(2 * DOCUMENTS)
        ]
        return CandidateSet(found, total=len(found), filtered=len(found))

    def texts(self, candidates: Sequence[Candidate]) -> list[str]:
        return ["" for _ in candidates]

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        pass

    def locate(self, ranked: Ranked) -> tuple[int, int]:
        start = ranked.candidate.metadata.start_line
        return start, start + 8

    def read(self, picks: Sequence[Pick]) -> list[str]:
        keys = [pick.ranked.candidate.metadata.key for pick in picks]
        self.read_keys = keys
        return [f"text {key}" for key in keys]

    def hydrate(self, picks: Sequence[Pick], terms: QueryTerms) -> list[Ranked]:
        del terms
        return [pick.ranked for pick in picks]


def find(store: Store, top_n: int = 4, **fields: object) -> FoundResults[Ranked]:
    intent = SearchIntent(
        "words",
        retrieval_mode="fts",
        reranker=RerankerOptions("m", top_n),
        **fields,  # type: ignore[arg-type]  # of mixed types
    )
    return find_results(SearchRequest.of(intent), None, store, store, StageClock())


def page(
    scores: Sequence[float] | None, top_n: int = 4, **fields: object
) -> tuple[list[int], SearchPage[Ranked]]:
    """Return the documents of a page in order, and the page."""
    found = find(Store(), top_n, **fields)
    shown = found.page(None if scores is None else np.array(scores, np.float32))
    return [int(hit.candidate.metadata.doc_id[0]) for hit in shown.hits], shown


def test_results_are_read_and_not_chunks() -> None:
    store = Store()
    found = find(store, top_n=3, top_k=2)
    # One chunk of each document, and what the page needs beyond.
    assert store.read_keys == [0, 2, 4, 6]
    assert found.texts == ["text 0", "text 2", "text 4"]
    assert found.query == "words"
    assert find(store, top_n=3, top_k=2, per_document=2).texts == ["text 0", "text 1", "text 2"]


def test_the_order_is_both_stages_together() -> None:
    assert page([0.0, 0.0, 0.0, 1.0], top_k=4)[0] == [3, 0, 1, 2]
    assert page([0.2, 0.2, 0.2, 0.2], top_k=4)[0] == [0, 1, 2, 3]
    # A little surer is not enough against a clear first stage.
    assert page([0.5, 0.5, 0.5, 0.6], top_k=4)[0] == [0, 1, 2, 3]
    assert page([1.0, 0.0, 0.0, 0.0], top_k=4)[0] == [0, 1, 2, 3]


def test_what_was_not_read_keeps_its_order_behind() -> None:
    order, shown = page([0.0, 0.0, 0.0, 1.0], top_k=8)
    assert order == [3, 0, 1, 2, 4, 5, 6, 7]
    scores = [hit.score for hit in shown.hits]
    assert scores == sorted(scores, reverse=True)


def test_without_scores_the_first_stage_answers() -> None:
    assert page(None, top_k=8)[0] == list(range(8))
    _, shown = page(None, top_k=3)
    assert (len(shown.hits), shown.next_offset) == (3, 3)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_of_any_size_make_one_list(size: int) -> None:
    scores = [0.1, 0.2, 0.9, 1.0]
    whole = page(scores, top_k=8)[0]
    seen: list[int] = []
    offset: int | None = 0
    while offset is not None:
        order, shown = page(scores, top_k=size, offset=offset)
        seen += order
        offset = shown.next_offset
    assert seen == whole == [2, 3, 0, 1, 4, 5, 6, 7]


def test_the_least_score_is_that_of_what_is_shown() -> None:
    _, shown = page([0.0, 0.0, 0.0, 1.0], top_k=8)
    third = shown.hits[2].score
    order, cut = page([0.0, 0.0, 0.0, 1.0], top_k=8, min_score=third)
    assert order == [3, 0, 1]
    assert cut.next_offset is None


def test_it_is_said_when_reranking_leaves_nothing_above_the_least_score() -> None:
    least = 0.9 * page(None)[1].hits[0].score
    order, first = page(None, top_k=8, min_score=least)
    assert order == [0]
    assert first.empty_reason is None
    order, shown = page([0.0, 0.0, 0.0, 0.0], top_k=8, min_score=least)
    assert order == []
    assert shown.empty_reason == "below_min_score"


def test_the_budget_holds_for_the_order_that_is_shown() -> None:
    order, shown = page([0.0, 0.0, 0.0, 1.0], top_k=8, max_tokens=25)
    assert (order, shown.next_offset) == ([3, 0], 2)
    assert page([0.0, 0.0, 0.0, 1.0], top_k=8, max_tokens=25, offset=2)[0] == [1, 2]


def test_the_explanation_names_both_scores() -> None:
    _, shown = page([0.25, 0.5, 0.0, 1.0], top_k=8, explain=True)
    explained: list[Mapping[str, float]] = [hit.explanation or {} for hit in shown.hits]
    assert [each.get("rerank") for each in explained[:4]] == [1.0, 0.5, 0.25, 0.0]
    assert all(each["first_stage"] > 0 for each in explained[:4])
    assert "rerank" not in explained[4]


def test_a_reranker_over_nothing() -> None:
    class Empty(Store):
        def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
            return CandidateSet([], total=5, filtered=5)

    found = find(Empty())
    assert found.texts == []
    assert found.page(np.zeros(0, np.float32)).empty_reason == "no_match"
