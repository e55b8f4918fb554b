"""Answers of query handlers as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from coco_flow.types.dump import dump_engine_object

if TYPE_CHECKING:
    from coco_flow.query_handler import QueryOutput

__all__ = ["shown_output"]


def shown_output(output: QueryOutput[Any], *, named_lists: bool = False) -> dict[str, Any]:
    """Return results and query info as JSON.

    Args:
        output: What the handler returned.
        named_lists: Give each result as a list of [name, value] pairs, as CocoIndex's API does.
    """
    results = [_shown(result) for result in output.results]
    if named_lists:
        results = [
            [[name, value] for name, value in result.items()]
            if isinstance(result, dict)
            else result
            for result in results
        ]
    info = output.query_info
    embedding = info.embedding
    return {
        "results": results,
        "query_info": {
            "embedding": None if embedding is None else [float(number) for number in embedding],
            "similarity_metric": None
            if info.similarity_metric is None
            else info.similarity_metric.value,
        },
    }


def _shown(result: Any) -> Any:
    if isinstance(result, Mapping):
        return {
            str(name): dump_engine_object(v, bytes_to_base64=True) for name, v in result.items()
        }
    return dump_engine_object(result, bytes_to_base64=True)
