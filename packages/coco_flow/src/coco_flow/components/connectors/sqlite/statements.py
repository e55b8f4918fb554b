"""Statements on SQLite tables; their names were checked to be plain identifiers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from coco_flow.components.connectorkits.statediff import DiffAction
from coco_flow.components.connectorkits.table_state import RowAction, column_actions_by_name
from coco_flow.components.connectors.sqlite.schema import TableSchema, Vec0TableDef

__all__ = [
    "apply_column_actions",
    "apply_rows",
    "create_table",
    "create_virtual_table",
    "drop_table",
]


def drop_table(conn: sqlite3.Connection, table_name: str) -> None:
    """Drop a table if it exists."""
    conn.execute(f'DROP TABLE IF EXISTS "{table_name}"')


def create_table(
    conn: sqlite3.Connection,
    table_name: str,
    schema: TableSchema[Any],
    *,
    if_not_exists: bool,
    has_vec_extension: bool,
) -> None:
    """Create a table with ordinary columns."""
    vectors = [name for name, column in schema.columns.items() if column.is_vector]
    if vectors and not has_vec_extension:
        raise RuntimeError(
            f"Table '{table_name}' has vector column(s) {vectors}, but sqlite-vec extension is not "
            "loaded. Use connect(..., load_vec=True) to enable it."
        )
    columns = [
        f'"{name}" {column.type}'
        + ("" if column.nullable and name not in schema.primary_key else " NOT NULL")
        for name, column in schema.columns.items()
    ]
    columns.append(f"PRIMARY KEY ({_quoted(schema.primary_key)})")
    condition = "IF NOT EXISTS " if if_not_exists else ""
    conn.execute(f'CREATE TABLE {condition}"{table_name}" ({", ".join(columns)})')


def create_virtual_table(
    conn: sqlite3.Connection,
    table_name: str,
    schema: TableSchema[Any],
    definition: Vec0TableDef,
    *,
    has_vec_extension: bool,
) -> None:
    """Create a virtual table of sqlite-vec."""
    if not has_vec_extension:
        raise RuntimeError(
            f"sqlite-vec extension required for {definition.module_name} virtual tables. "
            "Use connect(..., load_vec=True) to enable it."
        )
    columns = []
    for name, column in schema.columns.items():
        auxiliary = "+" if name in definition.auxiliary_columns else ""
        primary = " primary key" if name in schema.primary_key else ""
        partition = " partition key" if name in definition.partition_key_columns else ""
        columns.append(f"{auxiliary}{name} {column.type}{primary}{partition}")
    module = definition.module_name
    conn.execute(f'CREATE VIRTUAL TABLE "{table_name}" USING {module}({", ".join(columns)})')


def apply_column_actions(
    conn: sqlite3.Connection,
    table_name: str,
    schema: TableSchema[Any],
    part_actions: dict[str, DiffAction],
) -> None:
    """Alter the columns of a table; one of another type is dropped and added again."""
    for name, action in column_actions_by_name(schema, part_actions):
        if action in ("delete", "replace"):
            _drop_column(conn, table_name, name)
        if action != "delete":
            _add_column(conn, table_name, schema, name, action)


def _drop_column(conn: sqlite3.Connection, table_name: str, name: str) -> None:
    present = {row[1] for row in conn.execute(f'PRAGMA table_info("{table_name}")')}
    # An earlier attempt may have dropped it.
    if name in present:
        conn.execute(f'ALTER TABLE "{table_name}" DROP COLUMN "{name}"')


def _add_column(
    conn: sqlite3.Connection,
    table_name: str,
    schema: TableSchema[Any],
    name: str,
    action: DiffAction,
) -> None:
    column = schema.columns[name]
    null = "" if column.nullable else " NOT NULL"
    try:
        conn.execute(f'ALTER TABLE "{table_name}" ADD COLUMN "{name}" {column.type}{null}')
    except conn.OperationalError as error:
        # An earlier attempt may have added it.
        if "duplicate column name" in str(error).lower():
            return
        verb = "replace" if action == "replace" else "add"
        raise RuntimeError(
            f"Failed to {verb} column {name!r} in SQLite table {table_name!r}: {error}. "
            "A column that is new in a table with rows must be nullable."
        ) from error


def apply_rows(
    conn: sqlite3.Connection,
    table_name: str,
    schema: TableSchema[Any],
    actions: Sequence[RowAction],
    *,
    is_virtual: bool,
) -> None:
    """Write and delete rows."""
    key_matches = " AND ".join(f'"{name}" = ?' for name in schema.primary_key)
    delete = f'DELETE FROM "{table_name}" WHERE {key_matches}'  # noqa: S608 - checked identifiers
    upserts = [action for action in actions if action.value is not None]
    # A virtual table knows no upsert, so the old rows are deleted first.
    gone = actions if is_virtual else [action for action in actions if action.value is None]
    conn.executemany(delete, [action.key for action in gone])
    names = list(schema.columns)
    rows = [[action.value[name] for name in names] for action in upserts if action.value]
    conn.executemany(_insert(table_name, schema, names, is_virtual), rows)


def _insert(table_name: str, schema: TableSchema[Any], names: list[str], is_virtual: bool) -> str:
    marks = ", ".join("?" for _ in names)
    insert = f'INSERT INTO "{table_name}" ({_quoted(names)}) VALUES ({marks})'  # noqa: S608
    if is_virtual:
        return insert
    values = [name for name in names if name not in schema.primary_key]
    update = ", ".join(f'"{name}" = excluded."{name}"' for name in values)
    then = f"UPDATE SET {update}" if values else "NOTHING"
    return f"{insert} ON CONFLICT ({_quoted(schema.primary_key)}) DO {then}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
