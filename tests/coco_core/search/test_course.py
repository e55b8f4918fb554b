"""The course of a search over an executor and a hydrator of this test's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from coco_core.intent import SearchIntent
from coco_core.ranking import Ranked
from coco_core.search.course import SearchPage, StageClock, run_search
from coco_core.search.page import Pick
from coco_core.search.pieces import QueryTerms
from coco_core.search.request import SearchRequest
from coco_core.types import Candidate, CandidateSet, ChunkKind, ChunkMetadata, FloatVector

VECTOR = np.ones(2, np.float32)


class Store:
    """Ten documents of one chunk each, the first the best; some are gone from the disk."""

    def __init__(self, *gone: int, coverage: float = 0.0, static: float = 0.0) -> None:
        self.gone = frozenset(gone)
        self.coverage = coverage
        self.static = static
        self.prefetched: list[list[int]] = []
        self.located: list[int] = []

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        del request, query_vector
        found = [
            Candidate(
                ChunkMetadata(n, f"{n}.txt", ChunkKind.TEXT, "text", "", (), 1, 9, 10), 20.0 - n
            )
            for n in range(10)
        ]
        return CandidateSet(found, self.coverage, self.static, total=10, filtered=10)

    def texts(self, candidates: Sequence[Candidate]) -> list[str]:
        return ["" for _ in candidates]

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        self.prefetched.append([item.candidate.metadata.key for item in ranked])

    def locate(self, ranked: Ranked) -> tuple[int, int] | None:
        key = ranked.candidate.metadata.key
        self.located.append(key)
        return None if key in self.gone else (key, key)

    def read(self, picks: Sequence[Pick]) -> list[str]:
        raise AssertionError("no reranker was asked for")

    def hydrate(self, picks: Sequence[Pick], terms: QueryTerms) -> list[int]:
        del terms
        return [pick.start_line for pick in picks]


def page(store: Store, *, without: int | None = None, **fields: int) -> SearchPage[int]:
    request = SearchRequest.of(SearchIntent("words", retrieval_mode="fts", **fields))  # type: ignore[arg-type]  # numbers
    return run_search(request, VECTOR, store, store, StageClock(), without=without)


def test_a_hit_that_is_gone_makes_room_for_the_next() -> None:
    store = Store(0, 2)
    found = page(store, top_k=3)
    assert (found.hits, found.next_offset) == ([1, 3, 4], 3)
    assert page(store, top_k=3, offset=3).hits == [5, 6, 7]
    assert page(Store(*range(10))).hits == []


def test_what_is_likely_shown_is_fetched_together_and_nothing_is_read_in_vain() -> None:
    store = Store(0)
    assert page(store, top_k=2).hits == [1, 2]
    assert store.prefetched == [[0, 1, 2, 3]]
    assert store.located == [0, 1, 2, 3]


def test_a_chunk_that_is_no_answer_is_left_out() -> None:
    assert page(Store(), top_k=2, without=0).hits == [1, 2]


@pytest.mark.parametrize(
    ("coverage", "static", "ready", "tier"),
    [
        (0.0, 0.0, True, "keyword"),
        (1.0, 0.0, True, "transformer"),
        (1.0, 0.0, False, "static"),
        (1.0, 1.0, True, "static"),
        (0.8, 0.2, True, "mixed"),
    ],
)
def test_the_tier_says_whose_vectors_there_are(
    coverage: float, static: float, ready: bool, tier: str
) -> None:
    found = page(Store(coverage=coverage, static=static))
    assert found.tier(model_ready=ready) == tier


def test_an_empty_page_says_why() -> None:
    assert page(Store()).empty_reason is None
    assert page(Store(*range(10))).empty_reason == "changed"
    assert page(Store(), offset=20).empty_reason == "past_the_end"
    assert page(Store(), min_score=99).empty_reason == "below_min_score"
    absent = CandidateSet([], total=3, unmet="no_such_path")
    nowhere: SearchPage[int] = SearchPage([], None, absent, by_vector=False)
    assert nowhere.empty_reason == "no_such_path"
    passing: SearchPage[int] = SearchPage([], None, CandidateSet([], 0, 0, 3, 2), by_vector=False)
    assert passing.empty_reason == "no_match"
    nothing: SearchPage[int] = SearchPage.empty()
    assert nothing.empty_reason == "nothing_indexed"
    hidden: SearchPage[int] = SearchPage([], None, CandidateSet([], total=3), by_vector=False)
    assert hidden.empty_reason == "filtered_out"


def test_hits_below_the_least_score_are_told() -> None:
    found = page(Store(), min_score=99)
    assert found.hits == []
    assert found.notice is not None
    assert found.notice.startswith("Every hit is below the least score 99; the best has")
    assert page(Store(), min_score=0).notice is None
