"""Cypher of Neo4j under the public engine's names."""

from __future__ import annotations

from collections.abc import Sequence

from coco_flow.components.connectorkits.graph.cypher import *  # noqa: F403
from coco_flow.components.connectorkits.graph.cypher import properties, quoted
from coco_flow.components.connectorkits.table_schema import check_identifier
from coco_flow.components.connectors.neo4j.cypher import *  # noqa: F403
from coco_flow.components.connectors.neo4j.cypher import build_index_drop

build_node_index_drop = build_index_drop
build_relationship_index_drop = build_index_drop
build_vector_index_drop = build_index_drop


def build_node_index_create(name: str, label: str, fields: Sequence[str]) -> str:
    """Make an index on nodes; the package has the one that a constraint brings."""
    return (
        f"CREATE INDEX {quoted(name)} IF NOT EXISTS "
        f"FOR (n:{quoted(label)}) ON ({properties('n', fields)})"
    )


def validate_identifier(name: str, kind: str) -> None:
    """Refuse what is no plain identifier."""
    check_identifier(name, f"Neo4j {kind}")
