"""Wire request of a query strategy."""

from __future__ import annotations

import json
from typing import TypeVar, cast

from pydantic import ValidationError

from coco_core.errors import InvalidConfig
from coco_core.plan import QueryPlan
from coco_protocol.base import Request
from coco_protocol.docs import FiltersBody, RetrievalBody

__all__ = ["adopted_retrieval", "explicit_retrieval"]

# Fields of an intent that belong to the request and not to its retrieval config.
_BESIDE = frozenset({"query", "filters", "explain"})

# What the core derives from a query's own words has no field on the wire.
_WIRE_FILTERS = FiltersBody.model_fields.keys()

R = TypeVar("R", bound=Request)


def explicit_retrieval(plan: QueryPlan) -> tuple[RetrievalBody, FiltersBody]:
    """Return a strategy's retrieval config and filters with every field set.

    What a request leaves out is taken from what its project adopted, and an experiment must not
    depend on that.

    Raises:
        InvalidConfig: the wire takes less than the strategy wants.
    """
    values = plan.intent("?").to_dict()
    given = cast("dict[str, object]", values["filters"])
    filters = {name: value for name, value in given.items() if name in _WIRE_FILTERS}
    retrieval = {name: value for name, value in values.items() if name not in _BESIDE}
    return _read(RetrievalBody, retrieval, plan), _read(FiltersBody, filters, plan)


def adopted_retrieval(plan: QueryPlan) -> RetrievalBody:
    """Return what a project remembers of a strategy: the fields that the strategy names.

    Raises:
        InvalidConfig: the strategy has filters, which hold for one request and not for a project.
    """
    if plan.retrieval.get("filters"):
        raise InvalidConfig(
            f"The query strategy {plan.query_config_id!r} has filters, and a project's default "
            "has none.",
            hint="Adopt a strategy without filters; requests bring their own.",
        )
    values = {name: value for name, value in plan.retrieval.items() if name not in _BESIDE}
    return _read(RetrievalBody, values, plan)


def _read(kind: type[R], values: object, plan: QueryPlan) -> R:
    try:
        # As JSON, in which lists and numbers are what the wire takes them for.
        return kind.model_validate_json(json.dumps(values))
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise InvalidConfig(
            f"The query strategy {plan.query_config_id!r} cannot be asked: {field} is "
            f"{problem['input']!r}; {problem['msg'][:1].lower()}{problem['msg'][1:]}.",
            details={"field": field},
        ) from error
