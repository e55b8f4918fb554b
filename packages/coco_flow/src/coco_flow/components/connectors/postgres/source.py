"""A PostgreSQL table as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, cast, overload

from coco_flow import components as coco
from coco_flow.components.connectorkits.async_adapters import async_to_sync_iter
from coco_flow.components.connectorkits.table_schema import RowT, check_identifier
from coco_flow.components.connectors.postgres.driver import asyncpg, qualified
from coco_flow.components.datatype import RecordType, is_record_type

__all__ = ["PgSourceSpec", "PgTableSource", "RowFetcher"]


@dataclass
class PgSourceSpec:
    """A table, and those of its columns that are wanted (None for all)."""

    table_name: str
    columns: Sequence[str] | None = None
    pg_schema_name: str | None = None

    def query(self) -> str:
        """Return the statement that reads it."""
        check_identifier(self.table_name, "table name")
        if self.pg_schema_name is not None:
            check_identifier(self.pg_schema_name, "schema name")
        for column in self.columns or ():
            check_identifier(column, "column name")
        columns = ", ".join(f'"{column}"' for column in self.columns or ()) or "*"
        return f"SELECT {columns} FROM {qualified(self.table_name, self.pg_schema_name)}"  # noqa: S608


class RowFetcher(Generic[RowT]):
    """The rows of a table, all as they were at one moment; for `for` and for `async for`."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        spec: PgSourceSpec,
        row_factory: Callable[[dict[str, Any]], RowT] | None,
    ) -> None:
        self._pool = pool
        self._spec = spec
        self._row_factory = row_factory

    async def __aiter__(self) -> AsyncIterator[RowT]:
        query = self._spec.query()
        make = self._row_factory
        async with (
            self._pool.acquire() as conn,
            conn.transaction(isolation="repeatable_read", readonly=True),
        ):
            async for record in conn.cursor(query):
                row = dict(record)
                yield cast("RowT", row) if make is None else make(row)

    def __iter__(self) -> Iterator[RowT]:
        return async_to_sync_iter(self.__aiter__)

    async def items(
        self, key: Callable[[RowT], coco.StableKey]
    ) -> AsyncIterator[tuple[coco.StableKey, RowT]]:
        """Yield the rows with their keys, for `mount_each`."""
        async for row in self:
            yield key(row), row


class PgTableSource(Generic[RowT]):
    """A table to read, its rows as dicts or as objects of a class."""

    @overload
    def __init__(
        self: PgTableSource[dict[str, Any]],
        pool: asyncpg.Pool,
        *,
        table_name: str,
        columns: Sequence[str] | None = ...,
        pg_schema_name: str | None = ...,
        row_factory: None = ...,
        row_type: None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        table_name: str,
        columns: Sequence[str] | None = ...,
        pg_schema_name: str | None = ...,
        row_factory: Callable[[dict[str, Any]], RowT],
        row_type: None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        table_name: str,
        columns: Sequence[str] | None = ...,
        pg_schema_name: str | None = ...,
        row_factory: None = ...,
        row_type: type[RowT],
    ) -> None: ...

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        table_name: str,
        columns: Sequence[str] | None = None,
        pg_schema_name: str | None = None,
        row_factory: Callable[[dict[str, Any]], RowT] | None = None,
        row_type: type[RowT] | None = None,
    ) -> None:
        """Choose a table and the type of its rows.

        Args:
            pool: Pool of asyncpg.
            table_name: Name of the table.
            columns: Columns that are wanted; those of `row_type` by default, else all.
            pg_schema_name: Schema of the database that it is in.
            row_factory: Makes what a row becomes from its dict.
            row_type: Class of the rows, instead.
        """
        if row_factory is not None and row_type is not None:
            raise ValueError("Cannot specify both row_factory and row_type")
        if row_type is not None:
            columns, row_factory = _of_class(row_type, columns)
        self._pool = pool
        self._spec = PgSourceSpec(table_name, columns, pg_schema_name)
        self._row_factory = row_factory

    def fetch_rows(self) -> RowFetcher[RowT]:
        """Return the rows."""
        return RowFetcher(self._pool, self._spec, self._row_factory)


def _of_class(
    row_type: type[RowT], columns: Sequence[str] | None
) -> tuple[Sequence[str], Callable[[dict[str, Any]], RowT]]:
    if not is_record_type(row_type):
        raise TypeError(
            "row_type must be a record type (dataclass, NamedTuple, or Pydantic model), got "
            f"{row_type!r}"
        )
    fields = [field.name for field in RecordType(row_type).fields]
    unknown = [column for column in columns or () if column not in fields]
    if unknown:
        raise ValueError(f"Columns {unknown} not found in row_type fields: {fields}")
    return (fields if columns is None else columns), lambda row: row_type(**row)
