"""Rows of a LanceDB table: written in batches, and compacted from time to time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from coco_flow import components as coco
from coco_flow.components.connectorkits.table_state import RowAction, RowHandler
from coco_flow.components.connectors.lancedb.driver import LanceAsyncConnection
from coco_flow.components.connectors.lancedb.indexes import FtsIndexes, VectorIndexes
from coco_flow.components.connectors.lancedb.schema import TableSchema

__all__ = ["Rows", "delete_rows", "escape_sql_string", "upsert_rows"]

logger = logging.getLogger(__name__)

# Each write leaves a fragment; a search opens them all.
MOST_SMALL_FRAGMENTS = 200
# Rows that an index does not know are searched one by one.
MOST_UNINDEXED_ROWS = 20_000
# How many rows are written between two checks of the table's statistics.
ROWS_BETWEEN_CHECKS = 1_000
# A condition with more parts takes long to parse.
DELETE_BATCH = 256


class Rows(RowHandler):
    """Reconciles the rows of one table, and its indexes."""

    def __init__(
        self, conn: LanceAsyncConnection, table_name: str, schema: TableSchema[Any]
    ) -> None:
        self._conn = conn
        self._table_name = table_name
        self._schema = schema
        # The first write checks immediately: an earlier run may have left much to compact.
        self._unchecked = ROWS_BETWEEN_CHECKS
        self.sink = coco.TargetActionSink.from_async_fn(self._apply)

    def attachments(self) -> dict[str, Any]:
        """Return the handlers of the table's indexes."""
        return {
            "vector_index": VectorIndexes(self._conn, self._table_name),
            "fts_index": FtsIndexes(self._conn, self._table_name),
        }

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[RowAction], /
    ) -> None:
        table = await self._conn.open_table(self._table_name)
        rows = [action.value for action in actions if action.value is not None]
        if rows:
            await upsert_rows(table, self._schema, rows)
        gone = [action.key for action in actions if action.value is None]
        if gone:
            await delete_rows(table, self._schema.primary_key, gone)
        self._unchecked += len(actions)
        if self._unchecked >= ROWS_BETWEEN_CHECKS:
            self._unchecked = 0
            await self._optimize_if_due(table)

    async def _optimize_if_due(self, table: Any) -> None:
        # The rows are written; to put them in order may fail and be tried again later.
        try:
            reason = await _why_optimize(table)
            if reason is not None:
                await table.optimize()
                logger.info("Optimized the LanceDB table %s: %s.", self._table_name, reason)
        except Exception:
            logger.exception("The LanceDB table %s could not be optimized.", self._table_name)


async def _why_optimize(table: Any) -> str | None:
    stats = await table.stats()
    small = stats["fragment_stats"]["num_small_fragments"]
    if small >= MOST_SMALL_FRAGMENTS:
        return f"it had {small} small fragments"
    for index in await table.list_indices() if stats["num_indices"] else ():
        index_stats = await table.index_stats(index.name)
        if index_stats is not None and index_stats.num_unindexed_rows >= MOST_UNINDEXED_ROWS:
            return f"the index {index.name} lacked {index_stats.num_unindexed_rows} rows"
    return None


async def upsert_rows(table: Any, schema: TableSchema[Any], rows: list[dict[str, Any]]) -> None:
    """Write rows, in place of those with the same primary key."""
    await (
        table.merge_insert(schema.primary_key)
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute(schema.batch(rows))
    )


async def delete_rows(
    table: Any, primary_key: Sequence[str], keys: Sequence[tuple[Any, ...]]
) -> None:
    """Delete rows by their primary keys."""
    for start in range(0, len(keys), DELETE_BATCH):
        batch = keys[start : start + DELETE_BATCH]
        if len(primary_key) == 1 and len(batch) > 1:
            condition = f"{primary_key[0]} IN ({', '.join(_literal(key[0]) for key in batch)})"
        else:
            condition = " OR ".join(_condition(primary_key, key) for key in batch)
        await table.delete(condition)


def _condition(primary_key: Sequence[str], key: tuple[Any, ...]) -> str:
    # AND binds more strongly than OR.
    pairs = zip(primary_key, key, strict=True)
    return " AND ".join(f"{name} = {_literal(value)}" for name, value in pairs)


def escape_sql_string(value: str) -> str:
    """Return a text for a literal of LanceDB's SQL, where only quotes count."""
    return value.replace("'", "''")


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{escape_sql_string(value)}'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, int):
        return str(value)
    raise TypeError(
        f"A primary key of LanceDB must be a string, bytes, bool or integer, not {value!r}."
    )
