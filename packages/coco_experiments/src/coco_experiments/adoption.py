"""Adoption: makes a strategy of an experiment a project's default."""

from __future__ import annotations

from coco_core.configs import IndexingConfig
from coco_core.errors import InvalidInput
from coco_experiments.problems import suggestions
from coco_experiments.results import Results
from coco_experiments.retrieval import adopted_retrieval
from coco_protocol.defaults import DefaultsRequest
from coco_protocol.docs import RetrievalBody

__all__ = ["adoption"]


def adoption(
    results: Results, index: str | None, query: str | None, *, forget: bool = False
) -> tuple[DefaultsRequest, IndexingConfig | None]:
    """Return what to ask of the project, and the config that it must know.

    Args:
        results: of the experiment.
        index: the index's config; with ``forget`` also one that is not of the experiment.
        query: the query strategy.
        forget: drop the query strategy that was adopted before.

    Raises:
        InvalidInput: the experiment has no such strategy.
        InvalidConfig: the query strategy has filters.
    """
    configs = {each.config_id: each for each in results.experiment.indexes}
    plans = {each.query_config_id: each for each in results.experiment.queries}
    if index is not None and index not in configs and not forget:
        raise InvalidInput(
            f"The results have no index {index!r}.", hint=suggestions(index, configs.keys())
        )
    if query is not None and query not in plans:
        raise InvalidInput(
            f"The results have no query strategy {query!r}.", hint=suggestions(query, plans.keys())
        )
    values: dict[str, object] = {}
    if index is not None:
        values["indexing_config_id"] = index
    if query is not None:
        values["query_config_id"] = query
        values["retrieval_config"] = adopted_retrieval(plans[query])
    elif forget:
        values["retrieval_config"] = RetrievalBody()
    return DefaultsRequest.model_validate(values), configs.get(index or "")
