"""The functions that declare nodes and relationships in FalkorDB."""

from __future__ import annotations

from coco_flow.components.connectorkits.graph.target import GraphTargets
from coco_flow.components.connectors.falkordb.connection import FalkorDBDialect

__all__ = [
    "declare_relation_target",
    "declare_table_target",
    "mount_relation_target",
    "mount_table_target",
    "relation_target",
    "table_target",
]

_TARGETS = GraphTargets("cocoindex/falkordb/table", FalkorDBDialect())

table_target = _TARGETS.table_target
declare_table_target = _TARGETS.declare_table_target
mount_table_target = _TARGETS.mount_table_target
relation_target = _TARGETS.relation_target
declare_relation_target = _TARGETS.declare_relation_target
mount_relation_target = _TARGETS.mount_relation_target
