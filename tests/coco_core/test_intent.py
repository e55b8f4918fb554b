from __future__ import annotations

import json

import pytest

from coco_core.errors import InvalidIntent
from coco_core.filters import Filters
from coco_core.intent import RankingOptions, RerankerOptions, SearchIntent
from coco_core.types import ChunkKind

FULL = SearchIntent(
    query="how are requests routed",
    retrieval_mode="fts",
    top_k=3,
    offset=6,
    hybrid_alpha=0.25,
    filters=Filters(languages=("python",), kinds=(ChunkKind.METHOD,), changed_since=1.5),
    reranker=RerankerOptions("cross", 10),
    per_document=2,
    max_tokens=2000,
    min_score=0.1,
    ranking=RankingOptions(profile="docs", fusion="rrf", paths=False),
    explain=True,
)


@pytest.mark.parametrize("intent", [FULL, SearchIntent("x")])
def test_plain_data_reads_back(intent: SearchIntent) -> None:
    plain = json.loads(json.dumps(intent.to_dict()))
    assert SearchIntent.from_dict(plain) == intent


@pytest.mark.parametrize(
    "wrong",
    [
        {"query": "  "},
        {"query": "x" * 10_001},
        {"retrieval_mode": "fuzzy"},
        {"top_k": 0},
        {"top_k": 1001},
        {"offset": -1},
        {"hybrid_alpha": 1.5},
        {"hybrid_alpha": float("nan")},
        {"per_document": 0},
        {"max_tokens": 0},
        {"min_score": float("inf")},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidIntent):
        SearchIntent(**{"query": "x", **wrong})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({}, "query"),
        ({"query": "x", "topk": 3}, "topk"),
        ({"query": "x", "top_k": "3"}, "top_k"),
        ({"query": "x", "top_k": True}, "top_k"),
        ({"query": "x", "filters": {"language": ["go"]}}, "language"),
        ({"query": "x", "filters": {"languages": "go"}}, "languages"),
        ({"query": "x", "filters": {"languages": [1]}}, "languages"),
        ({"query": "x", "filters": None}, "filters"),
        ({"query": "x", "ranking": {"paths": 1}}, "paths"),
        ({"query": "x", "ranking": {"profile": "prose"}}, "profile"),
        ({"query": "x", "reranker": {}}, "reranker"),
        ({"query": "x", "explain": "yes"}, "explain"),
    ],
)
def test_wrong_data_is_refused_by_name(data: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidIntent, match=named):
        SearchIntent.from_dict(data)
