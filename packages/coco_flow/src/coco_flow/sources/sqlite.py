"""Source of the rows of a table or view in an SQLite file."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from coco_flow.errors import FlowError, RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow, SourceSchema, Watch
from coco_flow.sources.change_stream import ChangeStream
from coco_flow.sources.registry import register_source
from coco_flow.sources.sqlite_columns import ordinal_of
from coco_flow.sources.sqlite_table import connect, describe_table, quote, run_query

__all__ = ["Sqlite", "SqliteSource"]

log = logging.getLogger(__name__)

# Rows of one query; no query stays open while rows are processed, since that would keep writers
# waiting.
_BATCH = 512

# A check of the file's version takes some 10 µs.
_LOOK_SECONDS = 0.1


class Sqlite(SourceSpec):
    """Rows of a table or view, with the primary key, or else the rowid, as key.

    Attributes:
        path: The database file.
        table_name: The table.
        included_columns: Columns to read besides the key; None reads all.
        ordinal_column: A column that grows whenever its row changes: an older version that
            arrives late is then recognized.
        filter: An SQL condition for the rows to read.
        primary_key_columns: Columns that identify a row, where the table declares none.
        watch_changes: In live mode, list again after each commit of others.
    """

    path: str
    table_name: str
    included_columns: list[str] | None = None
    ordinal_column: str | None = None
    filter: str | None = None
    primary_key_columns: list[str] | None = None
    watch_changes: bool = False


class SqliteSource:
    """Lists, reads and watches one table."""

    def __init__(self, spec: Sqlite) -> None:
        self._path = Path(spec.path).absolute()
        with closing(connect(self._path)) as connection:
            self._table = describe_table(
                connection,
                spec.table_name,
                included_columns=spec.included_columns,
                primary_key_columns=spec.primary_key_columns,
                ordinal_column=spec.ordinal_column,
            )
        self._condition = f" AND ({spec.filter})" if spec.filter else ""
        self._watches_changes = spec.watch_changes
        self.schema = SourceSchema(
            key=tuple(column.field for column in self._table.key),
            value=tuple(column.field for column in self._table.value),
        )
        self.content_options: object = {
            "columns": [[c.field.name, str(c.field.value_type)] for c in self._table.value]
        }
        self.change_capture = "commits of the SQLite file" if spec.watch_changes else None
        self._changes: SqliteChanges | None = None

    def list_rows(self) -> Iterator[list[ListedRow]]:
        """Yield all rows with their values, in the order of the key."""
        keys = [quote(column.field.name) for column in self._table.key]
        known = " AND ".join(f"{key} IS NOT NULL" for key in keys)
        with closing(connect(self._path)) as connection:
            self._report_rows_without_key(connection, known)
            after = ""
            last: Sequence[Any] = ()
            while True:
                query = (
                    f"{self._table.select} WHERE {known}{self._condition}{after} "
                    f"ORDER BY {', '.join(keys)} LIMIT {_BATCH}"
                )
                rows = run_query(connection, query, last)
                if not rows:
                    return
                yield [self._listed(row) for row in rows]
                marks = ", ".join("?" for _ in keys)
                after = f" AND ({', '.join(keys)}) > ({marks})"
                last = rows[-1][: len(keys)]

    def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read rows by their keys; a value that has no counterpart fails its row only."""
        conditions = " AND ".join(f"{quote(column.field.name)} = ?" for column in self._table.key)
        query = f"{self._table.select} WHERE {conditions}{self._condition}"
        entries: list[ReadRow | Exception] = []
        with closing(connect(self._path)) as connection:
            for key in keys:
                rows = run_query(connection, query, key)
                entries.append(self._entry(key, rows[0]) if rows else ReadRow(None))
        return entries

    def watch(self) -> Watch | None:
        """Begin to poll for commits; every one after this call returns will be reported."""
        if not self._watches_changes:
            return None
        self.close()
        self._changes = SqliteChanges(self._path)
        return self._changes

    def close(self) -> None:
        """Stop polling."""
        if self._changes is not None:
            self._changes.close()
            self._changes = None

    def _listed(self, row: Sequence[Any]) -> ListedRow:
        width = len(self._table.key)
        try:
            key = tuple(c.convert(part) for c, part in zip(self._table.key, row, strict=False))
        except ValueError as error:
            raise FlowError(
                f"A row of {self._table.name!r} has a key that its column's type does not allow: "
                f"{error}.",
                hint="Correct the row, or exclude it with `filter`.",
            ) from error
        size = sum(len(value) for value in row[width:] if isinstance(value, str | bytes))
        entry = self._entry(key, row)
        if isinstance(entry, Exception):
            # The reader says what is wrong with it, so that it fails alone.
            return ListedRow(key, _row_digest(row), size=size)
        return ListedRow(key, entry.token, entry.ordinal, value=entry.value, size=size)

    def _entry(self, key: Key, row: Sequence[Any]) -> ReadRow | Exception:
        values = row[len(self._table.key) :]
        name = ""
        try:
            value: list[Any] = []
            for c, stored in zip(self._table.value, values, strict=False):
                name = c.field.name
                value.append(None if stored is None else c.convert(stored))
            ordinal = None
            if self._table.ordinal is not None and row[-1] is not None:
                name = self._table.ordinal.field.name
                ordinal = ordinal_of(self._table.ordinal.convert(row[-1]))
        except ValueError as error:
            failed = RowFailed(
                f"The row {key!r} of {self._table.name!r} cannot be read: {name!r}: {error}.",
                hint="Change the value, or leave its column out with included_columns.",
            )
            failed.__cause__ = error
            return failed
        return ReadRow(value, _row_digest(row), ordinal)

    def _report_rows_without_key(self, connection: sqlite3.Connection, known: str) -> None:
        """Warn of rows without a key: SQLite permits NULL in primary keys."""
        count = f"SELECT count(*) FROM {quote(self._table.name)} WHERE NOT ({known})"  # noqa: S608
        ((missing,),) = run_query(connection, count + self._condition, ())
        if missing:
            log.warning("skipped %d rows of %r: their key is NULL", *(missing, self._table.name))


class SqliteChanges(ChangeStream):
    """Requests a listing whenever another connection has committed to the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        # A connection reads the file that it opened, even if that has been replaced.
        self._identity = _identity(path)
        self._connection = connect(path, any_thread=True)
        self._version = self._look()
        self._start()

    def _follow(self) -> None:
        try:
            while not self._closed.wait(_LOOK_SECONDS):
                identity = _identity(self._path)
                if identity != self._identity:
                    self._reopen(identity)
                elif identity is not None and (version := self._look()) != self._version:
                    self._version = version
                    self._report(None)
        finally:
            self._connection.close()

    def _reopen(self, identity: tuple[int, int] | None) -> None:
        self._identity = identity
        self._report(None)
        if identity is not None:
            self._connection.close()
            self._connection = connect(self._path, any_thread=True)
            self._version = self._look()

    def _look(self) -> int:
        ((version,),) = run_query(self._connection, "PRAGMA data_version", ())
        return int(version)


def _row_digest(row: Sequence[Any]) -> bytes:
    return hashlib.blake2b(repr(row).encode(), digest_size=16).digest()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


register_source(Sqlite, SqliteSource)
