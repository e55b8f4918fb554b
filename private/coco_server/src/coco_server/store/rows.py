"""Row mapping: database rows to dataclasses with the same column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, LiteralString, TypeVar, cast

from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from coco_server.store.session import Session

__all__ = ["all_rows", "columns", "json_value", "one_row"]

T = TypeVar("T")


def columns(kind: type[Any]) -> sql.Composed:
    """Return the columns that a dataclass names, for a SELECT or RETURNING."""
    return sql.SQL(", ").join(sql.Identifier(each.name) for each in fields(kind))


def one_row(
    session: Session,
    kind: type[T],
    statement: LiteralString | sql.Composed,
    values: Sequence[Any] | Mapping[str, Any] = (),
) -> T | None:
    """Return the one row of a statement; ``{columns}`` in it stands for the columns of ``kind``."""
    with session.connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(_filled(kind, statement), values).fetchone()


def all_rows(
    session: Session,
    kind: type[T],
    statement: LiteralString | sql.Composed | bytes,
    values: Sequence[Any] | Mapping[str, Any] = (),
) -> list[T]:
    """Return all rows of a statement; ``{columns}`` in it stands for the columns of ``kind``."""
    with session.connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(_filled(kind, statement), values).fetchall()


def _filled(
    kind: type[Any], statement: LiteralString | sql.Composed | bytes
) -> sql.Composed | bytes:
    if not isinstance(statement, str):
        return statement
    return sql.SQL(statement).format(columns=columns(kind))


def json_value(value: Mapping[str, object] | None) -> Jsonb | None:
    """Return plain data as a parameter of type jsonb."""
    return None if value is None else Jsonb(cast("dict[str, object]", dict(value)))
