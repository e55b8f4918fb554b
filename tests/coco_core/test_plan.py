from __future__ import annotations

import pytest

from coco_core.configs import ChunkingConfig, IndexingConfig
from coco_core.errors import InvalidConfig
from coco_core.filters import Filters
from coco_core.plan import IndexingPlan, QueryPlan

INDEXING = IndexingPlan(
    config=IndexingConfig("small", ChunkingConfig(chunk_size=128)),
    include=("src/**",),
    exclude=("*.md",),
    extensions={"acme.quality": {"floor": 0.5}},
)
QUERYING = QueryPlan(
    query_config_id="pure",
    indexing_config_id="small",
    retrieval={"top_k": 5, "hybrid_alpha": 1.0, "filters": {"languages": ["go"]}},
    extensions={"rerank": {"model": "x"}},
)


@pytest.mark.parametrize("plan", [INDEXING, QUERYING, IndexingPlan(), QueryPlan()])
def test_plans_survive_json_and_yaml(plan: IndexingPlan | QueryPlan) -> None:
    assert type(plan).from_json(plan.to_json()) == plan
    assert type(plan).from_yaml(plan.to_yaml()) == plan


def test_a_query_plan_makes_intents() -> None:
    intent = QUERYING.intent("where")
    assert (intent.query, intent.top_k, intent.hybrid_alpha) == ("where", 5, 1.0)
    assert intent.filters.languages == ("go",)
    assert QUERYING.intent("where", Filters(symbol="x")).filters == Filters(symbol="x")


def test_an_extension_that_is_not_installed_is_refused() -> None:
    INDEXING.require_known({"acme.quality"})
    with pytest.raises(InvalidConfig, match=r"acme\.quality"):
        INDEXING.require_known(set())


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        "1",
        '{"plan_version": 2}',
        '{"cofnig": {}}',
        '{"config": {"chunking": {"chunk_size": 1}}}',
        '{"include": "src"}',
        '{"include": ["["]}',
        '{"extensions": {"Bad Name": {}}}',
        '{"extensions": {"x": 1}}',
    ],
)
def test_bad_indexing_plans_are_refused(text: str) -> None:
    with pytest.raises(InvalidConfig):
        IndexingPlan.from_json(text)
    with pytest.raises(InvalidConfig):
        IndexingPlan.from_yaml(text)


@pytest.mark.parametrize(
    "data",
    [
        {"retrieval_config": {"top_k": 0}},
        {"retrieval_config": {"query": "x"}},
        {"retrieval_config": {"unknown": 1}},
        {"retrieval_config": 3},
        {"query_config_id": ""},
        {"indexing_config_id": 1},
    ],
)
def test_bad_query_plans_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig):
        QueryPlan.from_dict(data)
