"""Target that writes to a table of a DuckDB file.

The table has no primary key: a batch replaces its rows by one join, which in a store of columns is
twice as fast as an index that is asked for every row.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from coco_flow.errors import DefinitionError, FlowConflict, FlowError, missing_extra
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, SetupChange, TargetBatch
from coco_flow.targets.arrow_types import ArrowColumns, ArrowOptions
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import (
    columns,
    compare_columns,
    default_table_name,
    final_rows,
    possible_states,
)
from coco_flow.types.schema import FieldSchema, StructType, TableType, ValueType

__all__ = ["DuckDB", "DuckDBConnector"]

_ARROW = ArrowOptions("DuckDB", "duckdb")

_SQL_TYPES = {
    "Bytes": "BLOB",
    "Str": "VARCHAR",
    "Bool": "BOOLEAN",
    "Int64": "BIGINT",
    "Float32": "FLOAT",
    "Float64": "DOUBLE",
    "Range": 'STRUCT("start" BIGINT, "end" BIGINT)',
    "Uuid": "UUID",
    "Date": "DATE",
    "Time": "TIME",
    "LocalDateTime": "TIMESTAMP",
    "OffsetDateTime": "TIMESTAMP WITH TIME ZONE",
    "TimeDelta": "INTERVAL",
    "Json": "JSON",
    "Union": "JSON",
}


class DuckDB(TargetSpec):
    """A table of a DuckDB file, which is made when it is not there.

    While an update writes to the file, no other process can read it.
    """

    path: str
    table_name: str | None = None


class _Table:
    """A table that an update writes to, with its statements."""

    def __init__(self, connection: Any, key: Any, schema: ExportSchema) -> None:
        self.connection, self.key = connection, key
        self.lock = threading.Lock()
        self.columns = ArrowColumns(schema.key, schema.value, _ARROW)
        table = _quote(key["table_name"])
        names = ", ".join(_quote(field.name) for field in (*schema.key, *schema.value))
        same = " AND ".join(
            f"t.{_quote(field.name)} = CAST(k.{_quote(field.name)} AS {_column_type(field)})"
            for field in schema.key
        )
        # These hold quoted names; the rows come as Arrow tables.
        self.delete = f"DELETE FROM {table} t USING written_keys k WHERE {same}"  # noqa: S608
        self.insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM written_rows"  # noqa: S608

    def write(self, upserts: Sequence[Any], deletes: Sequence[Any]) -> None:
        keys = self.columns.keys([*(key for key, _ in upserts), *deletes])
        rows = self.columns.table(upserts)
        with self.lock, _transaction(self.connection):
            # The next batch registers its tables under the same names, which frees these.
            self.connection.register("written_keys", keys)
            self.connection.register("written_rows", rows)
            _run(self.connection, self.delete)
            _run(self.connection, self.insert)


class DuckDBConnector:
    """Writes rows to tables of DuckDB files, a batch in one transaction."""

    def persistent_key(
        self, spec: DuckDB, target_name: str, flow_name: str, namespace: str
    ) -> dict[str, str]:
        """Return the path as it is given, and the table."""
        name = spec.table_name or default_table_name(target_name, flow_name, namespace)
        return {"path": str(spec.path), "table_name": name}

    def setup_state(
        self,
        spec: DuckDB,  # noqa: ARG002 - part of the contract
        schema: ExportSchema,
    ) -> dict[str, Any]:
        """Return the columns with their types."""
        if schema.index.vector_indexes or schema.index.fts_indexes:
            raise DefinitionError(
                "A DuckDB target has no indexes: those of DuckDB are extensions, which it would "
                "have to download.",
                hint="Leave them out; array_cosine_distance and the like compare every row.",
            )
        return {
            "key": columns(schema.key, _column_type),
            "value": columns(schema.value, _column_type),
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare the columns."""
        return compare_columns(desired, existing)

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create, alter or drop the tables, each in one transaction."""
        for change in changes:
            if change.current is None and not Path(change.key["path"]).exists():
                continue
            with closing(_connect(change.key["path"])) as connection:
                try:
                    with _transaction(connection):
                        _set_up(connection, change)
                except _driver_error() as error:
                    raise FlowError(
                        f"Setting up {self.describe(change.key)} failed: {error}",
                        hint="Nothing of it was changed; fix the cause and set it up again.",
                    ) from error

    def describe(self, key: Any) -> str:
        """Return the table and the file."""
        return f"DuckDB table {key['table_name']} in {key['path']}"

    def open(
        self,
        spec: DuckDB,  # noqa: ARG002 - part of the contract
        key: Any,
        schema: ExportSchema,
    ) -> _Table:
        """Open the file."""
        return _Table(_connect(key["path"]), key, schema)

    def group(self, target: _Table) -> object:
        """Return the table, since each has its own connection."""
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Replace the rows of each batch in one transaction."""
        for batch in batches:
            try:
                batch.target.write(*final_rows(batch))
            except _driver_error() as error:
                raise FlowError(
                    f"Writing to {self.describe(batch.target.key)} failed: {error}",
                    hint="Nothing of the batch was written; the next update tries again.",
                ) from error

    def close(self, target: _Table) -> None:
        """Close the file."""
        target.connection.close()


class _transaction:  # noqa: N801 - used as a statement
    """A transaction of a connection, undone when an exception leaves it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        _run(self.connection, "BEGIN")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            _run(self.connection, "COMMIT")
        else:
            self.connection.rollback()


def _run(connection: Any, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    # A statement is not done, in newer versions, before its result is fetched.
    rows: list[tuple[Any, ...]] = connection.execute(statement, list(parameters)).fetchall()
    return rows


def _set_up(connection: Any, change: SetupChange) -> None:
    name, current = change.key["table_name"], change.current
    table = _quote(name)
    states = possible_states(change.previous)
    found = _columns(connection, name)
    if current is None:
        _run(connection, f"DROP TABLE IF EXISTS {table}")
        return
    every = [*current["key"], *current["value"]]
    wanted = _normal_types(connection, every)
    keys = [column for column, _ in current["key"]]
    if found and not states:
        changed = [c for c, type_ in wanted.items() if found.get(c, type_) != type_]
        changed += [c for c in keys if c not in found]
        if changed:
            raise FlowConflict(
                f"There is a table {name!r} already that this flow has not made; it differs in "
                f"the columns {', '.join(changed)}.",
                hint="Give the target another table_name, or drop the table.",
            )
    lost = any(compare_columns(current, s) is Compatibility.NOT_COMPATIBLE for s in states)
    if found and (lost or any(found.get(c) != wanted[c] for c in keys)):
        _run(connection, f"DROP TABLE {table}")
        found = {}
    if not found:
        parts = [f"{_quote(c)} {type_} NOT NULL" for c, type_ in current["key"]]
        parts += [f"{_quote(c)} {type_}" for c, type_ in current["value"]]
        _run(connection, f"CREATE TABLE {table} ({', '.join(parts)})")
        return
    known = {column for state in states for column, _ in state["value"]}
    for column, type_ in found.items():
        if wanted.get(column, type_) != type_ or (column in known and column not in wanted):
            _run(connection, f"ALTER TABLE {table} DROP COLUMN {_quote(column)}")
    for column, type_ in current["value"]:
        if found.get(column) != wanted[column]:
            _run(connection, f"ALTER TABLE {table} ADD COLUMN {_quote(column)} {type_}")


def _columns(connection: Any, table: str) -> dict[str, str]:
    query = (
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE table_name = ? ORDER BY column_index"
    )
    return dict(_run(connection, query, [table]))


def _normal_types(connection: Any, wanted: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return types as DuckDB itself writes them."""
    parts = ", ".join(f"{_quote(column)} {type_}" for column, type_ in wanted)
    _run(connection, f"CREATE OR REPLACE TEMPORARY TABLE coco_flow_wanted ({parts})")
    found = _columns(connection, "coco_flow_wanted")
    _run(connection, "DROP TABLE coco_flow_wanted")
    return found


def _column_type(field: FieldSchema) -> str:
    return _sql_type(field.value_type.type)


def _sql_type(value_type: ValueType) -> str:
    if isinstance(value_type, StructType):
        return _struct_type(value_type.fields)
    if isinstance(value_type, TableType):
        return f"{_struct_type(value_type.row.fields)}[]"
    if value_type.kind == "Vector" and value_type.vector is not None:
        size = value_type.vector.dimension
        return f"{_sql_type(value_type.vector.element_type)}[{'' if size is None else size}]"
    return _SQL_TYPES[value_type.kind]


def _struct_type(fields: Sequence[FieldSchema]) -> str:
    parts = ", ".join(f"{_quote(field.name)} {_column_type(field)}" for field in fields)
    return f"STRUCT({parts})"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _import_duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise missing_extra("DuckDB", "duckdb", "duckdb") from error
    return duckdb


def _driver_error() -> type[Exception]:
    error: type[Exception] = _import_duckdb().Error
    return error


def _connect(path: str) -> Any:
    duckdb = _import_duckdb()
    Path(path).resolve().parent.mkdir(parents=True, exist_ok=True)
    try:
        return duckdb.connect(path)
    except duckdb.Error as error:
        raise FlowError(
            f"The DuckDB file {path} cannot be opened: {error}",
            hint="DuckDB lets one process at a time have the file open for writing.",
        ) from error


register_target(DuckDB, DuckDBConnector())
