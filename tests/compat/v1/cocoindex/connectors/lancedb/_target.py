"""LanceDB tables under the public engine's names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from coco_flow.components.connectorkits.table_state import Named, RowAction
from coco_flow.components.connectors.lancedb import *  # noqa: F403
from coco_flow.components.connectors.lancedb.indexes import (
    FtsIndex,
    FtsIndexes,
    VectorIndex,
    VectorIndexes,
)
from coco_flow.components.connectors.lancedb.rows import (
    Rows,
    delete_rows,
    escape_sql_string,
)

_FtsIndexAction = Named
_FtsIndexSpec = FtsIndex
_RowAction = RowAction
_VectorIndexAction = Named
_VectorIndexSpec = VectorIndex
_escape_sql_string = escape_sql_string


class _FtsIndexHandler(FtsIndexes):
    _apply_actions = FtsIndexes._apply


class _VectorIndexHandler(VectorIndexes):
    _apply_actions = VectorIndexes._apply


class _RowHandler(Rows):
    """Rows by the public engine's constructor."""

    def __init__(
        self,
        conn: Any,
        table_name: str,
        table_schema: Any,
        null_backfilled_columns: Collection[str] = (),
    ) -> None:
        super().__init__(conn, table_name, table_schema)

    async def _execute_deletes(self, table: Any, deletes: Sequence[RowAction]) -> None:
        await delete_rows(table, self._schema.primary_key, [action.key for action in deletes])
