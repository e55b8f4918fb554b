"""The functions that declare nodes and relationships in Neo4j."""

from __future__ import annotations

from coco_flow.components.connectorkits.graph.target import GraphTargets
from coco_flow.components.connectors.neo4j.connection import Neo4jDialect

__all__ = [
    "declare_relation_target",
    "declare_table_target",
    "mount_relation_target",
    "mount_table_target",
    "relation_target",
    "table_target",
]

_TARGETS = GraphTargets("cocoindex/neo4j/table", Neo4jDialect())

table_target = _TARGETS.table_target
declare_table_target = _TARGETS.declare_table_target
mount_table_target = _TARGETS.mount_table_target
relation_target = _TARGETS.relation_target
declare_relation_target = _TARGETS.declare_relation_target
mount_relation_target = _TARGETS.mount_relation_target
