"""Nodes and relationships of a Neo4j graph as target states."""

from __future__ import annotations

from coco_flow.components.connectorkits.graph.schema import ColumnDef
from coco_flow.components.connectorkits.graph.target import RelationTarget, TableTarget
from coco_flow.components.connectorkits.table_schema import ValueEncoder
from coco_flow.components.connectors.neo4j.connection import ConnectionFactory
from coco_flow.components.connectors.neo4j.schema import Neo4jType, TableSchema
from coco_flow.components.connectors.neo4j.target import (
    declare_relation_target,
    declare_table_target,
    mount_relation_target,
    mount_table_target,
    relation_target,
    table_target,
)

__all__ = [
    "ColumnDef",
    "ConnectionFactory",
    "Neo4jType",
    "RelationTarget",
    "TableSchema",
    "TableTarget",
    "ValueEncoder",
    "declare_relation_target",
    "declare_table_target",
    "mount_relation_target",
    "mount_table_target",
    "relation_target",
    "table_target",
]
