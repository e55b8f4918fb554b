"""Nodes and relationships of a FalkorDB graph as target states."""

from __future__ import annotations

from coco_flow.components.connectorkits.graph.schema import ColumnDef
from coco_flow.components.connectorkits.graph.target import RelationTarget, TableTarget
from coco_flow.components.connectorkits.table_schema import ValueEncoder
from coco_flow.components.connectors.falkordb.connection import ConnectionFactory
from coco_flow.components.connectors.falkordb.schema import FalkorType, TableSchema
from coco_flow.components.connectors.falkordb.target import (
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
    "FalkorType",
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
