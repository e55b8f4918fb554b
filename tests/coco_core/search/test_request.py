from __future__ import annotations

import pytest

from coco_core.intent import RankingOptions, RerankerOptions, SearchIntent
from coco_core.search.request import CandidateLimits, SearchRequest


def ask(**fields: object) -> CandidateLimits:
    intent = SearchIntent(**{"query": "how does App.run start", **fields})  # type: ignore[arg-type]  # mixed types
    return SearchRequest.of(intent).limits


def test_both_stages_over_fetch() -> None:
    assert ask() == CandidateLimits(
        keyword=150, vector=150, definitions=("run",), files=("app.run",)
    )
    assert ask(top_k=100, offset=50).keyword == 750
    assert ask(top_k=1000, offset=10_000).vector == 10_000


def test_a_stage_without_weight_is_not_asked() -> None:
    for fields in ({"retrieval_mode": "fts"}, {"hybrid_alpha": 0.0}):
        assert ask(**fields) == CandidateLimits(
            keyword=200, vector=0, definitions=("run",), files=("app.run",)
        )
    for fields in ({"retrieval_mode": "vector"}, {"hybrid_alpha": 1.0}):
        assert ask(**fields) == CandidateLimits(
            keyword=0, vector=200, files=("app.run",), keyword_scores=False
        )
    assert ask(retrieval_mode="fts", hybrid_alpha=1.0).keyword == 200


def test_keyword_scores_are_left_out_only_where_ranking_never_looks() -> None:
    assert ask().keyword_scores
    assert ask(retrieval_mode="vector", explain=True).keyword_scores
    user = {"query": "how do I start the app?", "retrieval_mode": "vector"}
    assert ask(**user).keyword_scores
    assert not ask(**user, ranking=RankingOptions(profile="code")).keyword_scores


def test_definitions_can_be_switched_off() -> None:
    assert ask(ranking=RankingOptions(definitions=False)).definitions == ()


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, True),
        ({"retrieval_mode": "vector"}, True),
        ({"retrieval_mode": "vector", "hybrid_alpha": 0.0}, True),
        ({"retrieval_mode": "fts"}, False),
        ({"retrieval_mode": "fts", "hybrid_alpha": 1.0}, False),
        ({"hybrid_alpha": 0.0}, False),
        ({"hybrid_alpha": 0.01}, True),
    ],
)
def test_a_query_is_embedded_where_vectors_have_weight(
    fields: dict[str, object], needs: bool
) -> None:
    intent = SearchIntent(**{"query": "where", **fields})  # type: ignore[arg-type]  # mixed types
    assert SearchRequest.of(intent).needs_vector is needs


def test_as_many_candidates_come_as_a_reranker_reads_results() -> None:
    assert ask(reranker=RerankerOptions("m", 200)).keyword == 1000
    assert ask(reranker=RerankerOptions("m", 10), top_k=100).keyword == 500
