"""Tables of a SQLite database as target states; vectors through the extension sqlite-vec."""

from __future__ import annotations

from coco_flow.components.connectorkits.table_schema import ValueEncoder
from coco_flow.components.connectors.sqlite.connection import (
    ManagedConnection,
    connect,
    managed_connection,
)
from coco_flow.components.connectors.sqlite.schema import (
    ColumnDef,
    SqliteType,
    TableSchema,
    Vec0TableDef,
)
from coco_flow.components.connectors.sqlite.target import (
    TableTarget,
    declare_table_target,
    mount_table_target,
    table_target,
)

__all__ = [
    "ColumnDef",
    "ManagedConnection",
    "SqliteType",
    "TableSchema",
    "TableTarget",
    "ValueEncoder",
    "Vec0TableDef",
    "connect",
    "declare_table_target",
    "managed_connection",
    "mount_table_target",
    "table_target",
]
