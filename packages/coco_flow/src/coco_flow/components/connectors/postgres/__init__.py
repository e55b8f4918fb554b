"""Tables of a PostgreSQL database as a source and as target states; vectors through pgvector."""

from __future__ import annotations

from coco_flow.components.connectorkits.table_schema import ValueEncoder
from coco_flow.components.connectors.postgres.schema import ColumnDef, PgType, TableSchema
from coco_flow.components.connectors.postgres.source import PgSourceSpec, PgTableSource, RowFetcher
from coco_flow.components.connectors.postgres.target import (
    TableTarget,
    create_pool,
    declare_table_target,
    mount_table_target,
    table_target,
)

__all__ = [
    "ColumnDef",
    "PgSourceSpec",
    "PgTableSource",
    "PgType",
    "RowFetcher",
    "TableSchema",
    "TableTarget",
    "ValueEncoder",
    "create_pool",
    "declare_table_target",
    "mount_table_target",
    "table_target",
]
