"""Tables of LanceDB and their rows as target states, with indexes for vectors and full text."""

from __future__ import annotations

from coco_flow.components.connectorkits.table_schema import ValueEncoder
from coco_flow.components.connectors.lancedb.schema import ColumnDef, LanceType, TableSchema
from coco_flow.components.connectors.lancedb.target import (
    LanceAsyncConnection,
    TableTarget,
    connect,
    connect_async,
    declare_table_target,
    mount_table_target,
    table_target,
)

__all__ = [
    "ColumnDef",
    "LanceAsyncConnection",
    "LanceType",
    "TableSchema",
    "TableTarget",
    "ValueEncoder",
    "connect",
    "connect_async",
    "declare_table_target",
    "mount_table_target",
    "table_target",
]
