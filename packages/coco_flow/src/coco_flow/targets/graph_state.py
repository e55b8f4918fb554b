"""Set-up state of a graph's nodes and relationships, as JSON, and what a change of it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.ports import Compatibility
from coco_flow.targets.graph_cypher import KEY_TEXT

if TYPE_CHECKING:
    from coco_flow.targets.graph_dialect import Dialect
    from coco_flow.targets.graph_indexes import VectorIndexPlan
    from coco_flow.targets.graph_plan import Column, LabelPlan, Property, RelationshipPlan

__all__ = ["compare", "identity_of", "label_state", "relationship_state"]


def label_state(dialect: Dialect, plan: LabelPlan) -> dict[str, Any]:
    """Return the state of one kind of node."""
    return {
        "label": plan.label,
        "key": _typed(dialect, plan.key),
        "key_as_text": not dialect.takes_key([each.type for each in plan.key]),
        "properties": _typed(dialect, plan.properties),
        "vector_indexes": [_vector(index) for index in plan.vector_indexes],
        "fts_indexes": [
            {"field": index.field_name, "parameters": index.parameters}
            for index in plan.fts_indexes
        ],
    }


def relationship_state(
    dialect: Dialect, plan: RelationshipPlan, source: LabelPlan, target: LabelPlan
) -> dict[str, Any]:
    """Return the state of one type of relationship, with what it knows of its ends."""
    return {
        "rel_type": plan.rel_type,
        "source": {"label": source.label, "key": _typed(dialect, source.key)},
        "target": {"label": target.label, "key": _typed(dialect, target.key)},
        "key": _typed(dialect, plan.key),
        "key_as_text": not dialect.takes_key([each.type for each in plan.key]),
        "properties": _typed(dialect, plan.properties),
        "vector_indexes": [_vector(index) for index in plan.vector_indexes],
        "fts_indexes": [
            {"field": index.field_name, "parameters": index.parameters}
            for index in plan.fts_indexes
        ],
    }


def compare(desired: dict[str, Any], existing: dict[str, Any]) -> Compatibility:
    """Compare two states of the same label or relationship type.

    A kind of node that was declared and never used has no key types yet, so any key fits it.
    """
    ends = ("source", "target")
    if existing["key"] and desired["key"] != existing["key"]:
        return Compatibility.NOT_COMPATIBLE
    if any(desired.get(end) != existing.get(end) for end in ends):
        return Compatibility.NOT_COMPATIBLE
    wanted = desired["properties"]
    if any(wanted.get(name, type) != type for name, type in existing["properties"].items()):
        return Compatibility.PARTIALLY_COMPATIBLE
    return Compatibility.COMPATIBLE


def identity_of(state: dict[str, Any]) -> list[str]:
    """Return the properties that identify a node or relationship."""
    return [KEY_TEXT] if state["key_as_text"] else list(state["key"])


def _typed(dialect: Dialect, properties: Sequence[Property | Column]) -> dict[str, str]:
    return {each.name: dialect.type_name(each.type) for each in properties}


def _vector(index: VectorIndexPlan) -> dict[str, Any]:
    return {
        "field": index.field,
        "dimension": index.dimension,
        "metric": index.metric.value,
        "m": index.m,
        "ef_construction": index.ef_construction,
    }
