"""Target that writes to a table of an SQLite file; it needs no server and no package.

Full-text indexes are FTS5 tables; a vector index is a table of sqlite-vec.
"""

from __future__ import annotations

import importlib
import importlib.util
import sqlite3
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coco_flow.errors import ExtraMissing, FlowError, missing_extra
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, SetupChange, TargetBatch
from coco_flow.targets.registry import register_target
from coco_flow.targets.sqlite_setup import (
    index_definitions,
    quote,
    remove_table,
    set_up_table,
)
from coco_flow.targets.sqlite_types import column_type, row_binder
from coco_flow.targets.table_state import (
    columns,
    compare_columns,
    default_table_name,
    final_rows,
    possible_states,
)
from coco_flow.write_ahead import use_write_ahead_log

__all__ = ["SQLite", "SQLiteConnector", "connect_sqlite"]

# Another writer may hold the file for a large transaction.
_BUSY_SECONDS = 60.0


class SQLite(TargetSpec):
    """A table of an SQLite file, which is made when it is not there."""

    path: str
    table_name: str | None = None


def connect_sqlite(path: str, *, vectors: bool = True) -> sqlite3.Connection:
    """Return a connection that reads what a flow has written, for query handlers.

    Args:
        path: The target's file.
        vectors: Whether queries use vector indexes, which are tables of sqlite-vec.

    Raises:
        ExtraMissing: sqlite-vec is not installed, or this Python cannot load it.
    """
    place = f"{Path(path).resolve().as_uri()}?mode=ro"
    connection: sqlite3.Connection = _driver(vectors).connect(
        place, timeout=_BUSY_SECONDS, uri=True, check_same_thread=False
    )
    if vectors:
        _load_vectors(connection)
    return connection


class _Database:
    """An open file that several targets of an update share."""

    def __init__(self, path: str, *, vectors: bool) -> None:
        self.connection = _connect(path, vectors=vectors)
        self.users = 0
        self.lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self.lock:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                self.connection.rollback()
                raise


class _Table:
    """A table that an update writes to, with its statements."""

    def __init__(self, database: _Database, place: Any, table: str, schema: ExportSchema) -> None:
        self.database, self.place, self.name = database, place, table
        fields = [*schema.key, *schema.value]
        names = [quote(field.name) for field in fields]
        keys, values = names[: len(schema.key)], names[len(schema.key) :]
        self.bind = row_binder(fields)
        self.bind_key = row_binder(schema.key)
        assignments = ", ".join(f"{name} = excluded.{name}" for name in values)
        action = f"UPDATE SET {assignments}" if values else "NOTHING"
        # These hold quoted names; every value is a parameter.
        self.upsert = (
            f"INSERT INTO {quote(table)} ({', '.join(names)}) "  # noqa: S608
            f"VALUES ({', '.join('?' * len(names))}) ON CONFLICT ({', '.join(keys)}) DO {action}"
        )
        same = " AND ".join(f"{name} = ?" for name in keys)
        self.delete = f"DELETE FROM {quote(table)} WHERE {same}"  # noqa: S608


class SQLiteConnector:
    """Writes rows to tables of SQLite files, a batch of a file in one transaction."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, bool], _Database] = {}
        self._lock = threading.Lock()

    def persistent_key(
        self, spec: SQLite, target_name: str, flow_name: str, namespace: str
    ) -> dict[str, str]:
        """Return the path as it is given, and the table."""
        name = spec.table_name or default_table_name(target_name, flow_name, namespace)
        return {"path": str(spec.path), "table_name": name}

    def setup_state(
        self,
        spec: SQLite,  # noqa: ARG002 - part of the contract
        schema: ExportSchema,
    ) -> dict[str, Any]:
        """Return the columns with their types, and the indexes."""
        indexes = index_definitions(schema)
        state = {
            "key": columns(schema.key, column_type),
            "value": columns(schema.value, column_type),
            "indexes": indexes,
        }
        if _has_vectors(state):
            _check_vectors()
        return state

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare the columns; indexes change no row."""
        return compare_columns(desired, existing)

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create, alter or drop the tables, each in one transaction."""
        for change in changes:
            path, table = change.key["path"], change.key["table_name"]
            states = possible_states(change.previous)
            if change.current is None and not Path(path).exists():
                continue
            every = [*states, *possible_states([change.current])]
            try:
                with (
                    self._using(path, vectors=any(map(_has_vectors, every))) as database,
                    database.transaction() as connection,
                ):
                    if change.current is None:
                        remove_table(connection, table, states)
                    else:
                        set_up_table(connection, table, change.previous, change.current)
            except _driver_errors() as error:
                raise FlowError(
                    f"Setting up {self.describe(change.key)} failed: {error}",
                    hint="Nothing of it was changed; fix the cause and set it up again.",
                ) from error

    def describe(self, key: Any) -> str:
        """Return the table and the file."""
        return f"SQLite table {key['table_name']} in {key['path']}"

    def open(
        self,
        spec: SQLite,  # noqa: ARG002 - part of the contract
        key: Any,
        schema: ExportSchema,
    ) -> _Table:
        """Open the file, or share what another target of it has opened."""
        place = (key["path"], bool(schema.index.vector_indexes))
        return _Table(self._acquire(*place), place, key["table_name"], schema)

    def group(self, target: _Table) -> object:
        """Return the file: what goes to one is written in one transaction."""
        return id(target.database)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Write all upserts, then all deletes, in one transaction for each file."""
        by_file: dict[int, list[TargetBatch]] = defaultdict(list)
        for batch in batches:
            by_file[id(batch.target.database)].append(batch)
        for group in by_file.values():
            rows = [(batch.target, *final_rows(batch)) for batch in group]
            try:
                with group[0].target.database.transaction() as connection:
                    for table, upserts, _ in rows:
                        bind = table.bind
                        connection.executemany(
                            table.upsert, [bind((*key, *row)) for key, row in upserts]
                        )
                    for table, _, deletes in rows:
                        connection.executemany(table.delete, map(table.bind_key, deletes))
            except _driver_errors() as error:
                names = ", ".join(table.name for table, _, _ in rows)
                path = group[0].target.place[0]
                raise FlowError(
                    f"Writing to SQLite table {names} in {path} failed: {error}",
                    hint="Nothing of the batch was written; the next update tries again.",
                ) from error

    def close(self, target: _Table) -> None:
        """Close the file when no other target uses it."""
        self._release(*target.place)

    @contextmanager
    def _using(self, path: str, *, vectors: bool) -> Iterator[_Database]:
        database = self._acquire(path, vectors)
        try:
            yield database
        finally:
            self._release(path, vectors)

    def _acquire(self, path: str, vectors: bool) -> _Database:
        place = (str(Path(path).resolve()), vectors)
        with self._lock:
            database = self._open.get(place)
            if database is None:
                database = self._open[place] = _Database(path, vectors=vectors)
            database.users += 1
        return database

    def _release(self, path: str, vectors: bool) -> None:
        place = (str(Path(path).resolve()), vectors)
        with self._lock:
            database = self._open[place]
            database.users -= 1
            if database.users == 0:
                del self._open[place]
                database.connection.close()


def _driver_errors() -> tuple[type[Exception], ...]:
    other = sys.modules.get("pysqlite3")
    # Integers of more than 64 bits raise OverflowError.
    return (sqlite3.Error, OverflowError, *((other.Error,) if other else ()))


def _has_vectors(state: Any) -> bool:
    return any(index["module"] == "vec0" for index in state["indexes"].values())


def _can_load_extensions() -> bool:
    return hasattr(sqlite3.Connection, "enable_load_extension")


def _check_vectors() -> None:
    if importlib.util.find_spec("sqlite_vec") is None:
        raise missing_extra("A vector index of an SQLite target", "sqlite-vec", "sqlite")
    if not _can_load_extensions() and importlib.util.find_spec("pysqlite3") is None:
        raise ExtraMissing(
            "This Python's sqlite3 module was built without extensions, so that sqlite-vec cannot "
            "be loaded.",
            hint="Run: pip install pysqlite3-binary; or leave the vector index out, since the "
            "vectors are stored without it too.",
        )


def _driver(vectors: bool) -> Any:
    """Return the module that opens connections: one that can load sqlite-vec, if it is to."""
    if not vectors:
        return sqlite3
    _check_vectors()
    return sqlite3 if _can_load_extensions() else importlib.import_module("pysqlite3")


def _load_vectors(connection: sqlite3.Connection) -> None:
    # Without it a connection can neither read a vector table nor write to one.
    connection.enable_load_extension(True)
    importlib.import_module("sqlite_vec").load(connection)
    connection.enable_load_extension(False)


def _connect(path: str, *, vectors: bool) -> sqlite3.Connection:
    Path(path).resolve().parent.mkdir(parents=True, exist_ok=True)
    connection: sqlite3.Connection = _driver(vectors).connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    if vectors:
        _load_vectors(connection)
    use_write_ahead_log(connection, _BUSY_SECONDS)
    # After a power cut the flow's state must not claim rows that are not here.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


register_target(SQLite, SQLiteConnector())
