"""A table or view of SQLite as its schema describes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coco_flow.errors import DefinitionError, FlowError
from coco_flow.sources.sqlite_columns import Column, column, key_column, orders

__all__ = ["SqliteTable", "connect", "describe_table", "quote", "run_query"]

# How long a query waits for a writer.
_BUSY_SECONDS = 30.0

_COLUMNS = 'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1'

_IS_TABLE = "SELECT type = 'table' FROM sqlite_schema WHERE name = ? COLLATE NOCASE"


@dataclass(frozen=True, slots=True)
class SqliteTable:
    """What is read of a table; `select` gives key, values and, at the end, any ordinal."""

    name: str
    key: tuple[Column, ...]
    value: tuple[Column, ...]
    ordinal: Column | None
    select: str


def describe_table(
    connection: sqlite3.Connection,
    name: str,
    *,
    included_columns: Sequence[str] | None,
    primary_key_columns: Sequence[str] | None,
    ordinal_column: str | None,
) -> SqliteTable:
    """Look a table up in the file's schema.

    Raises:
        DefinitionError: There is no such table or column, or no key.
    """
    found = run_query(connection, _COLUMNS, [name])
    if not found:
        raise DefinitionError(
            f"The database has no table or view {name!r}.",
            hint="Correct `table_name`, or `path` if it is in another file.",
        )
    types = {n: declared for n, declared, _, _ in found}
    columns = {n: column(n, types[n], nullable=not required) for n, _, required, _ in found}
    places = {place: n for n, _, _, place in found if place}
    keys = list(primary_key_columns or (places[place] for place in sorted(places)))
    if not keys:
        if not all(run_query(connection, _IS_TABLE, [name])[0]):
            raise DefinitionError(
                f"{name!r} is a view, which has no primary key to identify its rows.",
                hint="Name columns that are unique together: primary_key_columns=[…].",
            )
        keys, types["rowid"] = ["rowid"], "INTEGER"
    ordinals = [] if ordinal_column is None else [ordinal_column]
    for wanted in [*keys, *(included_columns or ()), *ordinals]:
        if wanted not in types:
            raise DefinitionError(
                f"{name!r} has no column {wanted!r}.",
                hint=f"Its columns are: {', '.join(map(repr, columns))}.",
            )
    if ordinals and not (ordinals[0] in columns and orders(columns[ordinals[0]])):
        raise DefinitionError(
            f"The ordinal column {ordinals[0]!r} of {name!r} is neither a whole number nor a time.",
            hint="Name a column that grows whenever its row changes, or leave ordinal_column out.",
        )
    included = columns if included_columns is None else included_columns
    values = [n for n in columns if n not in keys and n in included]
    selected = ", ".join(map(quote, [*keys, *values, *ordinals]))
    return SqliteTable(
        name=name,
        key=tuple(key_column(n, types[n]) for n in keys),
        value=tuple(columns[n] for n in values),
        ordinal=columns[ordinals[0]] if ordinals else None,
        select=f"SELECT {selected} FROM {quote(name)}",  # noqa: S608 - quoted identifiers
    )


def quote(identifier: str) -> str:
    """Return an identifier in double quotes."""
    escaped = identifier.replace('"', '""')
    return f'"{escaped}"'


def connect(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """Open the file for reading.

    Raises:
        FlowError: There is no such file.
    """
    if not path.is_file():
        raise FlowError(
            f"There is no file {str(path)!r}.",
            hint="Create the database, or correct the source's path.",
        )
    return sqlite3.connect(
        f"{path.as_uri()}?mode=ro",
        uri=True,
        timeout=_BUSY_SECONDS,
        check_same_thread=not any_thread,
    )


def run_query(connection: sqlite3.Connection, query: str, parameters: Sequence[Any]) -> list[Any]:
    """Return all rows of a query.

    Raises:
        FlowError: SQLite refuses it, or the file is broken.
    """
    try:
        return connection.execute(query, parameters).fetchall()
    except sqlite3.Error as error:
        raise FlowError(
            f"SQLite cannot run {query!r}: {error}.",
            hint="Look at `filter` and at the file: sqlite3 FILE 'PRAGMA integrity_check'",
        ) from error
