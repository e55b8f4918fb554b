"""Target that writes to a table of PostgreSQL, with vectors by pgvector."""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from coco_core.errors import CocoError
from coco_flow.auth import AuthEntryReference
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.op.spec import TargetAttachmentSpec, TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, Key, Row, SetupChange, TargetBatch
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.targets.postgres_pool import borrow, pool_of
from coco_flow.targets.postgres_setup import (
    index_definitions,
    needs_recreation,
    quote,
    remove_table,
    run_sql_commands,
    set_up_table,
    sql_commands_to_run,
    table_reference,
)
from coco_flow.targets.postgres_types import (
    BinaryArray,
    ColumnCodec,
    column_codec,
    column_type,
)
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import (
    columns,
    compare_columns,
    default_table_name,
    final_rows,
)

if TYPE_CHECKING:
    from psycopg import Connection

    from coco_flow.targets.postgres_pool import Pool

__all__ = ["Postgres", "PostgresColumnOptions", "PostgresConnector", "PostgresSqlCommand"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# A statement must stay far below the server's limit of 1 GB for one value.
_STATEMENT_BYTES = 32 << 20

# A connection that broke, a deadlock: what has not been committed is written again.
_ATTEMPTS = 3


@dataclass
class PostgresColumnOptions:
    """Options of a column: ``halfvec`` stores a vector in half the space."""

    type: Literal["vector", "halfvec"] | None = None


class Postgres(TargetSpec):
    """A table of PostgreSQL; `database` None is the flow's own, if its state is in PostgreSQL."""

    database: AuthEntryReference[DatabaseConnectionSpec] | None = None
    table_name: str | None = None
    schema: str | None = None
    column_options: dict[str, PostgresColumnOptions] | None = None


class PostgresSqlCommand(TargetAttachmentSpec):
    """SQL that is run when the target is set up; `teardown_sql` when it, or this, is removed."""

    name: str
    setup_sql: str
    teardown_sql: str | None = None


class _Table:
    """A table that an update writes to, with its statements."""

    def __init__(self, pool: Pool, key: Any, schema: ExportSchema, types: dict[str, str]) -> None:
        self.pool = pool
        self.name = table_reference(key)
        self.fields = [*schema.key, *schema.value]
        self.key_size = len(schema.key)
        self._codecs = [column_codec(f.value_type.type, types[f.name]) for f in self.fields]
        names = [quote(field.name) for field in self.fields]
        keys, values = names[: self.key_size], names[self.key_size :]
        action = (
            f"UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in values)}"
            if values
            else "NOTHING"
        )
        given = ", ".join(f"k{i}" for i in range(self.key_size))
        same = " AND ".join(f"t.{name} = k.k{i}" for i, name in enumerate(keys))
        # These hold checked and quoted names; every value is a parameter.
        self._upsert = (
            f"INSERT INTO {self.name} ({', '.join(names)}) "  # noqa: S608
            f"SELECT * FROM unnest({self._arrays(len(names))}) "
            f"ON CONFLICT ({', '.join(keys)}) DO {action}"
        ).encode()
        self._delete = (
            f"DELETE FROM {self.name} t "  # noqa: S608
            f"USING unnest({self._arrays(self.key_size)}) k({given}) WHERE {same}"
        ).encode()
        self._type_numbers: dict[str, int] = {}

    def _arrays(self, count: int) -> str:
        return ", ".join(f"%b::{codec.type_name}[]" for codec in self._codecs[:count])

    def upsert(self, connection: Connection[Any], rows: Sequence[tuple[Key, Row]]) -> None:
        by_column = list(zip(*((*key, *row) for key, row in rows), strict=True))
        self._send(connection, self._upsert, by_column)

    def delete(self, connection: Connection[Any], keys: Sequence[Key]) -> None:
        self._send(connection, self._delete, list(zip(*keys, strict=True)))

    def _send(
        self, connection: Connection[Any], statement: bytes, by_column: Sequence[Sequence[Any]]
    ) -> None:
        if not by_column:
            return
        arrays = []
        for field, codec, values in zip(self.fields, self._codecs, by_column, strict=False):
            number = self._number(connection, codec)
            try:
                arrays.append(BinaryArray.of(number, values, codec.encode))
            except (ValueError, TypeError, AttributeError, OverflowError, struct.error) as error:
                raise FlowError(
                    f"A value of the field {field.name!r} does not fit its column of type "
                    f"{codec.type_name} in {self.name}: {error}",
                    hint="Correct the annotation of the function that it comes from.",
                ) from error
        count = len(by_column[0])
        if count > 1 and sum(len(array.data) for array in arrays) > _STATEMENT_BYTES:
            half = count // 2
            del arrays
            self._send(connection, statement, [values[:half] for values in by_column])
            self._send(connection, statement, [values[half:] for values in by_column])
            return
        connection.execute(statement, arrays)

    def _number(self, connection: Connection[Any], codec: ColumnCodec) -> int:
        if codec.oid is not None:
            return codec.oid
        number = self._type_numbers.get(codec.type_name)
        if number is None:
            row = connection.execute("SELECT %s::regtype::oid", [codec.type_name]).fetchone()
            assert row is not None
            number = self._type_numbers[codec.type_name] = int(row[0])
        return number


class PostgresConnector:
    """Writes rows to tables of PostgreSQL, a batch of a database in one transaction."""

    def persistent_key(
        self, spec: Postgres, target_name: str, flow_name: str, namespace: str
    ) -> dict[str, Any]:
        """Return the database's reference, the schema and the table."""
        if spec.schema is not None and spec.table_name is None:
            raise DefinitionError(
                f"The Postgres target {target_name!r} has the schema {spec.schema!r} and no "
                "table_name.",
                hint="A target in a schema needs a table_name too.",
            )
        for what, name in (("table_name", spec.table_name), ("schema", spec.schema)):
            if name is not None and not _IDENTIFIER.fullmatch(name):
                raise DefinitionError(
                    f"The {what} {name!r} of the Postgres target {target_name!r} is not a name.",
                    hint="Names have letters, digits and underscores, and begin with no digit.",
                )
        name = spec.table_name or default_table_name(target_name, flow_name, namespace)
        return {
            "database": spec.database.key if spec.database else None,
            "schema": spec.schema,
            # As an unquoted name in SQL, so that queries need no quotes; and cut as there.
            "table_name": name.lower().encode()[:63].decode("utf-8", "ignore"),
        }

    def setup_state(self, spec: Postgres, schema: ExportSchema) -> dict[str, Any]:
        """Return the columns with their types, the indexes and the attachments."""
        types = self._types(spec, schema)
        return {
            "key": columns(schema.key, lambda field: types[field.name]),
            "value": columns(schema.value, lambda field: types[field.name]),
            "indexes": index_definitions(schema, types),
            "sql_commands": _sql_commands(schema),
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare the columns; indexes and attachments change no row."""
        return compare_columns(desired, existing)

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create, alter or drop the tables, each in one transaction."""
        for change in changes:
            try:
                self._apply(change)
            except CocoError:
                raise
            except _driver_error() as error:
                raise FlowError(
                    f"Setting up {self.describe(change.key)} failed: {str(error).strip()}",
                    hint="Fix the cause and set it up again; what has been done is kept.",
                ) from error

    def _apply(self, change: SetupChange) -> None:
        key, current = change.key, change.current
        gone = current is None or needs_recreation(change.previous, current)
        teardowns, setups = sql_commands_to_run(change.previous, current, all_gone=gone)
        with borrow(pool_of(key["database"])) as connection:
            run_sql_commands(connection, teardowns)
            if current is None:
                remove_table(connection, key)
                return
            made = set_up_table(connection, key, change.previous, current)
            if made and not gone:
                # The table was not there: nothing that had been made on it is.
                _, setups = sql_commands_to_run((), current, all_gone=True)
            run_sql_commands(connection, setups)

    def describe(self, key: Any) -> str:
        """Return the table's name."""
        name = f"{key['schema']}.{key['table_name']}" if key["schema"] else key["table_name"]
        place = f" (database {key['database']})" if key["database"] else ""
        return f"Postgres table {name}{place}"

    def open(self, spec: Postgres, key: Any, schema: ExportSchema) -> _Table:
        """Return the table with its statements; connections come from the database's pool."""
        return _Table(pool_of(key["database"]), key, schema, self._types(spec, schema))

    def group(self, target: _Table) -> object:
        """Return the database: what goes to one is written in one transaction."""
        return id(target.pool)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Write all upserts, then all deletes, in one transaction for each database."""
        by_pool: dict[int, list[TargetBatch]] = defaultdict(list)
        for batch in batches:
            by_pool[id(batch.target.pool)].append(batch)
        for group in by_pool.values():
            _write_group(group)

    def close(self, target: _Table) -> None:
        """Do nothing: the pool is shared and outlives the update."""

    @staticmethod
    def _types(spec: Postgres, schema: ExportSchema) -> dict[str, str]:
        options = spec.column_options or {}
        fields = [*schema.key, *schema.value]
        unknown = set(options) - {field.name for field in fields}
        if unknown:
            raise DefinitionError(
                f"column_options names fields that are not exported: {', '.join(sorted(unknown))}.",
                hint=f"The fields are {', '.join(field.name for field in fields)}.",
            )
        return {
            field.name: column_type(
                field, options[field.name].type if field.name in options else None
            )
            for field in fields
        }


def _sql_commands(schema: ExportSchema) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for attachment in schema.attachments:
        if not isinstance(attachment, PostgresSqlCommand):
            raise DefinitionError(
                f"A Postgres target has no attachment of the kind {type(attachment).__name__}.",
                hint="It takes PostgresSqlCommand.",
            )
        if attachment.name in found:
            raise DefinitionError(
                f"Two attachments of one target are named {attachment.name!r}.",
                hint="Give each a different name.",
            )
        found[attachment.name] = {
            "setup_sql": attachment.setup_sql,
            "teardown_sql": attachment.teardown_sql,
        }
    return found


def _write_group(group: Sequence[TargetBatch]) -> None:
    from psycopg import OperationalError

    rows = [(batch.target, *final_rows(batch)) for batch in group]
    pool = group[0].target.pool
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with borrow(pool) as connection:
                for table, upserts, _ in rows:
                    table.upsert(connection, upserts)
                for table, _, deletes in rows:
                    table.delete(connection, deletes)
            return
        except OperationalError as error:
            # The server went away, or ended this of two transactions that waited for each other.
            if attempt == _ATTEMPTS:
                raise _write_error(rows, error) from error
        except _driver_error() as error:
            raise _write_error(rows, error) from error


def _write_error(rows: Sequence[tuple[Any, Any, Any]], error: Exception) -> FlowError:
    names = ", ".join(table.name for table, _, _ in rows)
    return FlowError(
        f"Writing to Postgres table {names} failed: {str(error).strip()}",
        hint="Nothing of the batch was written; it is tried again with the next update.",
    )


def _driver_error() -> type[Exception]:
    from psycopg import Error

    return Error


register_target(Postgres, PostgresConnector())
