"""What an experiment sends leaves nothing to a project's defaults, and what it adopts, the rest."""

from __future__ import annotations

import pytest

from coco_core.errors import InvalidConfig
from coco_core.plan import QueryPlan
from coco_experiments.retrieval import adopted_retrieval, explicit_retrieval
from coco_protocol.docs import FiltersBody, RankingBody, RetrievalBody
from coco_protocol.serving.intents import retrieval_intent, with_defaults


def plan(**retrieval: object) -> QueryPlan:
    return QueryPlan(query_config_id="q", retrieval=retrieval)


@pytest.mark.parametrize(
    "retrieval",
    [
        {},
        {"top_k": 5, "hybrid_alpha": 1},
        {"ranking": {"profile": "docs", "paths": False}, "per_document": 3},
        {"retrieval_mode": "fts", "filters": {"kinds": ["section"], "include": ["*.md"]}},
        {"reranker": {"model_name": "m"}},
    ],
)
def test_every_field_is_sent(retrieval: dict[str, object]) -> None:
    strategy = plan(**retrieval)
    body, filters = explicit_retrieval(strategy)
    assert body.model_fields_set == set(RetrievalBody.model_fields)
    assert body.ranking.model_fields_set == set(RankingBody.model_fields)
    # A revision is a question's own: no strategy has one.
    assert filters.model_fields_set == set(FiltersBody.model_fields) - {"since_revision"}
    adopted = RetrievalBody(
        top_k=99, min_score=0.9, hybrid_alpha=0.1, ranking=RankingBody(profile="code", paths=True)
    )
    assert with_defaults(body, adopted) == body
    assert retrieval_intent("why?", body, filters) == strategy.intent("why?")


def test_what_the_wire_does_not_take_is_refused_by_field() -> None:
    with pytest.raises(InvalidConfig, match=r"'q'.*max_tokens is 10"):
        explicit_retrieval(plan(max_tokens=10))


def test_only_what_the_strategy_names_is_adopted() -> None:
    body = adopted_retrieval(plan(top_k=5, ranking={"profile": "docs"}))
    assert body.model_dump(exclude_unset=True) == {"top_k": 5, "ranking": {"profile": "docs"}}
    assert with_defaults(RetrievalBody(top_k=7), body).top_k == 7
    assert with_defaults(RetrievalBody(), body).top_k == 5


def test_filters_are_not_adopted() -> None:
    with pytest.raises(InvalidConfig, match="filters"):
        adopted_retrieval(plan(filters={"include": ["*.md"]}))
