"""Source of the rows of a PostgreSQL table or view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.auth import TransientAuthEntryReference
from coco_flow.errors import DefinitionError, RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow, SourceSchema, Watch
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources.postgres_columns import row_converter
from coco_flow.sources.postgres_connection import open_connection, source_database
from coco_flow.sources.postgres_table import describe_table
from coco_flow.sources.registry import register_source

if TYPE_CHECKING:
    from coco_flow.sources.postgres_notify import PostgresChanges

__all__ = ["Postgres", "PostgresNotification", "PostgresSource"]

# Rows of one fetch: a round trip costs as much as some hundred rows.
_BATCH = 512

# PostgreSQL refuses longer names, and with them the write that sends the notification.
_CHANNEL_BYTES = 64


@dataclass
class PostgresNotification:
    """Changes of a table by LISTEN and NOTIFY; a trigger that sends them is created if needed.

    Attributes:
        channel_name: The channel; None makes a name from that of the table.
    """

    channel_name: str | None = None


class Postgres(SourceSpec):
    """Rows of a table or view, with the primary key as key.

    Attributes:
        table_name: The table, with its schema if that is not in the search path.
        database: Where it is; None is the flow's own database.
        included_columns: Columns to read besides the key; None reads all.
        ordinal_column: A column that grows whenever its row changes: an older version that
            arrives late is then recognized.
        notification: In live mode, process changes as soon as they are committed.
        filter: An SQL condition for the rows to read.
        primary_key_columns: Columns that identify a row, where the table declares none.
    """

    table_name: str
    database: TransientAuthEntryReference[DatabaseConnectionSpec] | None = None
    included_columns: list[str] | None = None
    ordinal_column: str | None = None
    notification: PostgresNotification | None = None
    filter: str | None = None
    primary_key_columns: list[str] | None = None


class PostgresSource:
    """Lists, reads and listens to one table."""

    def __init__(self, spec: Postgres) -> None:
        self._spec = spec
        self._database = source_database(spec.database)
        with open_connection(self._database) as connection:
            self._table = describe_table(
                connection,
                spec.table_name,
                included_columns=spec.included_columns,
                primary_key_columns=spec.primary_key_columns,
                ordinal_column=spec.ordinal_column,
                condition=spec.filter,
            )
        if spec.notification is not None:
            _check_notification(spec, is_table=self._table.is_table)
        self.schema = SourceSchema(
            key=tuple(column.field for column in self._table.key),
            value=tuple(column.field for column in self._table.value),
        )
        self.content_options: object = {
            "columns": [[c.field.name, str(c.field.value_type)] for c in self._table.value]
        }
        self.change_capture = "PostgreSQL notifications" if spec.notification else None
        self._changes: PostgresChanges | None = None

    def list_rows(self) -> Iterator[list[ListedRow]]:
        """Yield key, version and ordinal of every row, as of one moment."""
        convert = row_converter(self._table.key)
        width = len(self._table.key)
        with open_connection(self._database) as connection:
            connection.read_only = True
            # The cursor outlives its transaction, which would block the server's vacuum for as
            # long as the rows take to be processed.
            with connection.cursor("coco_flow_rows", withhold=True) as cursor:
                cursor.execute(self._table.list_query, binary=True)
                connection.commit()
                while rows := cursor.fetchmany(_BATCH):
                    yield [
                        ListedRow(
                            tuple(convert(row[:width])),
                            token=row[width].encode(),
                            ordinal=row[width + 1],
                        )
                        for row in rows
                    ]

    def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read rows by their keys; a value that has no counterpart fails its row only."""
        from psycopg import DataError

        try:
            return self._read(keys)
        except DataError as error:
            if len(keys) == 1:
                return [self._failed(keys[0], error)]
        return [entry for key in keys for entry in self.read([key])]

    def watch(self) -> Watch | None:
        """Begin to listen; every commit after this call returns will be reported."""
        if self._spec.notification is None:
            return None
        from coco_flow.sources.postgres_notify import PostgresChanges

        self.close()
        self._changes = PostgresChanges(
            self._database, self._table, self._spec.notification.channel_name
        )
        return self._changes

    def close(self) -> None:
        """Stop listening."""
        if self._changes is not None:
            self._changes.close()
            self._changes = None

    def _read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        from coco_flow.targets.postgres_pool import borrow, pool_for

        convert = row_converter(self._table.value)
        entries: list[ReadRow | Exception] = [ReadRow(None)] * len(keys)
        with borrow(pool_for(self._database)) as connection:
            parameters = [list(map(_parameter, part)) for part in zip(*keys, strict=True)]
            cursor = connection.execute(self._table.read_query, parameters, binary=True)
            for place, version, ordinal, *values in cursor:
                try:
                    row = convert(values)
                except ValueError as error:
                    entries[place - 1] = self._failed(keys[place - 1], error)
                else:
                    entries[place - 1] = ReadRow(row, version.encode(), ordinal)
        return entries

    def _failed(self, key: Key, error: Exception) -> RowFailed:
        failed = RowFailed(
            f"The row {key!r} of {self._table.name} cannot be read: {error}.",
            hint="Change the value, or leave its column out with included_columns.",
        )
        failed.__cause__ = error
        return failed


def _parameter(value: Any) -> Any:
    """Return a key's part as psycopg takes it in an array."""
    return f"[{value[0]},{value[1]})" if isinstance(value, tuple) else value


def _check_notification(spec: Postgres, *, is_table: bool) -> None:
    if not is_table:
        raise DefinitionError(
            f"{spec.table_name!r} is a view, which sends no notifications.",
            hint="Leave out `notification` and give the source a refresh_interval.",
        )
    channel = spec.notification.channel_name if spec.notification is not None else None
    if channel is not None and not 0 < len(channel.encode()) < _CHANNEL_BYTES:
        raise DefinitionError(
            f"{channel!r} cannot be the name of a channel.",
            hint=f"It must have 1 to {_CHANNEL_BYTES - 1} bytes; None generates one.",
        )


register_source(Postgres, PostgresSource)
