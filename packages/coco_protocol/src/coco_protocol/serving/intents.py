"""Conversion of a wire query, with the filters in its text, to a search intent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coco_core.errors import InvalidIntent
from coco_core.filters import Filters, kind_named
from coco_core.intent import RankingOptions, RerankerOptions, SearchIntent
from coco_core.query_filters import parse_filters, with_filters
from coco_protocol.docs import FiltersBody, RetrievalBody

__all__ = ["query_intent", "read_filters", "retrieval_intent", "with_adopted", "with_defaults"]


def query_intent(
    query: str, retrieval: RetrievalBody, filters: FiltersBody, *, explain: bool = False
) -> SearchIntent:
    """Return the intent of what a person or an agent typed, in whose text filters count.

    Raises:
        InvalidIntent: a filter that cannot be, see `coco_core.query_filters`.
    """
    parsed = parse_filters(query)
    intent = retrieval_intent(parsed.text, retrieval, filters, explain=explain)
    return replace(intent, filters=with_filters(parsed, intent.filters))


def retrieval_intent(
    query: str, retrieval: RetrievalBody, filters: FiltersBody, *, explain: bool = False
) -> SearchIntent:
    """Return the intent of a text under a retrieval config, whose fields are the intent's.

    Raises:
        InvalidIntent: a language or a kind that does not exist.
    """
    values: dict[str, Any] = dict(retrieval)
    values["ranking"] = RankingOptions(**dict(retrieval.ranking))
    if retrieval.reranker is not None:
        values["reranker"] = RerankerOptions(**dict(retrieval.reranker))
    return SearchIntent(query=query, filters=read_filters(filters), explain=explain, **values)


def with_defaults(body: RetrievalBody, defaults: RetrievalBody | None) -> RetrievalBody:
    """Return ``body`` with what its sender left out taken from a project's ``defaults``.

    What was sent wins, also where it equals the wire's own default; of ``ranking`` each switch
    counts for itself.
    """
    if defaults is None:
        return body
    given = body.model_dump(exclude_unset=True)
    adopted = defaults.model_dump(exclude_unset=True)
    ranking = {**adopted.get("ranking", {}), **given.get("ranking", {})}
    merged = {**adopted, **given}
    if ranking:
        merged["ranking"] = ranking
    return RetrievalBody.model_validate(merged)


def with_adopted(
    body: RetrievalBody, defaults: RetrievalBody | None, name: str | None
) -> tuple[RetrievalBody, str | None]:
    """Return `with_defaults`, and the ``name`` of the defaults if anything was left to them."""
    filled = with_defaults(body, defaults)
    before = (body.model_fields_set, body.ranking.model_fields_set)
    after = (filled.model_fields_set, filled.ranking.model_fields_set)
    return filled, name if after != before else None


def read_filters(body: FiltersBody) -> Filters:
    """Return the filters of a body.

    Raises:
        InvalidIntent: a language or kind that does not exist, or one of local mode only.
    """
    if body.since_revision is not None:
        # Local mode replaces it by the files that git names; others keep no working tree.
        raise InvalidIntent(
            "The filter since_revision works in local mode only.",
            hint="Filter by changed_since (Unix seconds) instead.",
        )
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in body
        if name != "since_revision"
    }
    values["kinds"] = tuple(kind_named(kind) for kind in body.kinds)
    return Filters(**values)
