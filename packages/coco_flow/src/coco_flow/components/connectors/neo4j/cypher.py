"""Cypher for constraints and indexes of Neo4j 5.18 or later, which have names."""

from __future__ import annotations

from collections.abc import Sequence

from coco_flow.components.connectorkits.graph.cypher import properties, quoted

__all__ = [
    "build_constraint_create",
    "build_constraint_drop",
    "build_index_drop",
    "build_relationship_index_create",
    "build_vector_index_create",
    "constraint_name",
    "index_name",
]


def index_name(kind: str, label: str, fields: Sequence[str]) -> str:
    """Return the name of an index on nodes ("node") or relationships ("rel")."""
    return f"coco_idx_{kind}_{label}__{'__'.join(fields)}"


def constraint_name(label: str, fields: Sequence[str]) -> str:
    """Return the name of the constraint on a key."""
    return f"coco_uniq_{label}__{'__'.join(fields)}"


def build_relationship_index_create(name: str, rel_type: str, fields: Sequence[str]) -> str:
    """Make an index on relationships."""
    return (
        f"CREATE INDEX {quoted(name)} IF NOT EXISTS "
        f"FOR ()-[r:{quoted(rel_type)}]-() ON ({properties('r', fields)})"
    )


def build_index_drop(name: str) -> str:
    """Remove an index of any kind."""
    return f"DROP INDEX {quoted(name)} IF EXISTS"


def build_constraint_create(name: str, label: str, fields: Sequence[str]) -> str:
    """Make a key unique; one of several properties needs Neo4j's Enterprise Edition."""
    listed = properties("n", fields)
    required = f"{listed} IS UNIQUE" if len(fields) == 1 else f"({listed}) IS NODE KEY"
    return (
        f"CREATE CONSTRAINT {quoted(name)} IF NOT EXISTS FOR (n:{quoted(label)}) REQUIRE {required}"
    )


def build_constraint_drop(name: str) -> str:
    """Remove a constraint."""
    return f"DROP CONSTRAINT {quoted(name)} IF EXISTS"


def build_vector_index_create(
    name: str, label: str, field: str, dimension: int, metric: str
) -> str:
    """Make a vector index on nodes."""
    if dimension <= 0:
        raise ValueError(f"Invalid vector dimension: {dimension}")
    config = f"`vector.dimensions`: {dimension:d}, `vector.similarity_function`: '{metric}'"
    return (
        f"CREATE VECTOR INDEX {quoted(name)} IF NOT EXISTS "
        f"FOR (n:{quoted(label)}) ON n.{quoted(field)} "
        f"OPTIONS {{ indexConfig: {{ {config} }} }}"
    )
