"""Statements on PostgreSQL tables; their names were checked to be plain identifiers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from coco_flow.components.connectorkits.statediff import DiffAction
from coco_flow.components.connectorkits.table_state import RowAction, column_actions_by_name
from coco_flow.components.connectors.postgres.driver import asyncpg
from coco_flow.components.connectors.postgres.schema import TableSchema

__all__ = ["alter_columns", "create_table", "drop_table", "write_rows"]

logger = logging.getLogger(__name__)


async def drop_table(conn: Any, table: str) -> None:
    """Drop a table if it exists."""
    await conn.execute(f"DROP TABLE IF EXISTS {table}")


async def create_table(
    conn: Any,
    table: str,
    pg_schema_name: str | None,
    schema: TableSchema[Any],
    *,
    if_not_exists: bool,
) -> None:
    """Create a table, and what it needs."""
    if pg_schema_name:
        await conn.execute(f'CREATE SCHEMA IF NOT EXISTS "{pg_schema_name}"')
    if schema.uses_pgvector():
        # Into the default schema, where its types are found without a prefix.
        await conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    columns = [
        f'"{name}" {column.type}'
        + ("" if column.nullable and name not in schema.primary_key else " NOT NULL")
        for name, column in schema.columns.items()
    ]
    columns.append(f"PRIMARY KEY ({_quoted(schema.primary_key)})")
    condition = "IF NOT EXISTS " if if_not_exists else ""
    await conn.execute(f"CREATE TABLE {condition}{table} ({', '.join(columns)})")


async def alter_columns(
    conn: Any, table: str, schema: TableSchema[Any], part_actions: dict[str, DiffAction]
) -> None:
    """Alter the columns of a table."""
    if schema.uses_pgvector():
        await conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    for name, action in column_actions_by_name(schema, part_actions):
        if action == "delete":
            await conn.execute(f'ALTER TABLE {table} DROP COLUMN IF EXISTS "{name}"')
        elif action == "replace":
            await _change_column(conn, table, name, schema)
        else:
            # Without NOT NULL: the rows that are there get their values afterwards.
            kind = schema.columns[name].type
            await conn.execute(f'ALTER TABLE {table} ADD COLUMN IF NOT EXISTS "{name}" {kind}')


async def _change_column(conn: Any, table: str, name: str, schema: TableSchema[Any]) -> None:
    """Convert a column, or recreate it if its values cannot be converted."""
    column = schema.columns[name]
    null = "DROP NOT NULL" if column.nullable else "SET NOT NULL"
    try:
        async with conn.transaction():
            await conn.execute(
                f'ALTER TABLE {table} ALTER COLUMN "{name}" TYPE {column.type}, '
                f'ALTER COLUMN "{name}" {null}'
            )
    except asyncpg.PostgresError as error:
        logger.warning(
            "PostgreSQL cannot convert column %r of %s to %s: %s. Recreating column. Existing data "
            "will be lost until the rows are written again.", name, table, column.type, error,
        )  # fmt: skip
        await conn.execute(f'ALTER TABLE {table} DROP COLUMN IF EXISTS "{name}"')
        await conn.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {column.type}')


async def write_rows(
    conn: Any, table: str, schema: TableSchema[Any], actions: Sequence[RowAction]
) -> None:
    """Write and delete rows, all or none."""
    names, key = list(schema.columns), schema.primary_key
    marks = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    values = [name for name in names if name not in key]
    update = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in values)
    then = f"UPDATE SET {update}" if values else "NOTHING"
    insert = (
        f"INSERT INTO {table} ({_quoted(names)}) VALUES ({marks}) "  # noqa: S608 - checked names
        f"ON CONFLICT ({_quoted(key)}) DO {then}"
    )
    matches = " AND ".join(f'"{name}" = ${number}' for number, name in enumerate(key, 1))
    delete = f"DELETE FROM {table} WHERE {matches}"  # noqa: S608 - checked names
    rows = [[a.value[name] for name in names] for a in actions if a.value is not None]
    gone = [a.key for a in actions if a.value is None]
    async with conn.transaction():
        if rows:
            await conn.executemany(insert, rows)
        if gone:
            await conn.executemany(delete, gone)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
