"""Cypher for indexes of FalkorDB, which have no names."""

from __future__ import annotations

from collections.abc import Sequence

from coco_flow.components.connectorkits.graph.cypher import properties, quoted

__all__ = [
    "build_node_index_create",
    "build_node_index_drop",
    "build_relationship_index_create",
    "build_relationship_index_drop",
    "build_vector_index_create",
    "build_vector_index_drop",
]


def build_node_index_create(label: str, fields: Sequence[str]) -> str:
    """Make an index on nodes."""
    return f"CREATE INDEX FOR (e:{quoted(label)}) ON ({properties('e', fields)})"


def build_node_index_drop(label: str, fields: Sequence[str]) -> str:
    """Remove an index on nodes."""
    return f"DROP INDEX FOR (e:{quoted(label)}) ON ({properties('e', fields)})"


def build_relationship_index_create(rel_type: str, fields: Sequence[str]) -> str:
    """Make an index on relationships."""
    return f"CREATE INDEX FOR ()-[e:{quoted(rel_type)}]-() ON ({properties('e', fields)})"


def build_relationship_index_drop(rel_type: str, fields: Sequence[str]) -> str:
    """Remove an index on relationships."""
    return f"DROP INDEX FOR ()-[e:{quoted(rel_type)}]-() ON ({properties('e', fields)})"


def build_vector_index_create(label: str, field: str, dimension: int, metric: str) -> str:
    """Make a vector index on nodes."""
    if dimension <= 0:
        raise ValueError(f"Invalid vector dimension: {dimension}")
    return (
        f"CREATE VECTOR INDEX FOR (e:{quoted(label)}) ON ({properties('e', [field])}) "
        f"OPTIONS {{dimension: {dimension:d}, similarityFunction: '{metric}'}}"
    )


def build_vector_index_drop(label: str, field: str) -> str:
    """Remove a vector index on nodes."""
    return f"DROP VECTOR INDEX FOR (e:{quoted(label)}) ON ({properties('e', [field])})"
