"""Target that writes to a table of LanceDB, an embedded store of columns and vectors."""

from __future__ import annotations

import datetime
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError, FlowError
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, Key, Row, SetupChange, TargetBatch
from coco_flow.targets.arrow_types import ArrowColumns
from coco_flow.targets.lancedb_setup import (
    ARROW_OPTIONS,
    import_lancedb,
    index_definitions,
    set_up_table,
    stored_fields,
    vector_index_config,
)
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import columns, compare_columns, final_rows, plain_type

if TYPE_CHECKING:
    from lancedb import AsyncConnection

__all__ = ["DatabaseOptions", "LanceDB", "LanceDBConnector", "connect_async"]

# CocoIndex's tests call it by this name.
_create_vector_index_config = vector_index_config

_connections: weakref.WeakValueDictionary[str, AsyncConnection] = weakref.WeakValueDictionary()
_connections_lock = threading.Lock()

_LITERALS: dict[str, Callable[[Any], str]] = {
    "Str": lambda value: "'" + value.replace("'", "''") + "'",
    "Int64": str,
    "Bool": lambda value: "true" if value else "false",
    "Bytes": lambda value: f"X'{value.hex()}'",
    "Uuid": lambda value: f"X'{value.hex}'",
    "Date": lambda value: f"date '{value.isoformat()}'",
}
"""Values in a condition, since LanceDB's conditions take no parameters."""

_TEXTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "Str": (
        "CAST(char_length(`{f}`) AS string), ':', `{f}`",
        lambda value: f"{len(value)}:{value}",
    ),
    "Int64": ("CAST(`{f}` AS string), ','", lambda value: f"{value},"),
    "Range": (
        "CAST(`{f}`.`start` AS string), ',', CAST(`{f}`.`end` AS string), ','",
        lambda value: f"{value[0]},{value[1]},",
    ),
}
"""Parts of a key as texts, of which no two keys have the same: in a condition, and of a value."""

# A condition is parsed and planned as one expression; a longer one is split.
_KEYS_IN_CONDITION = 500

# So many rows are compared one by one in no noticeable time; more should be in the index.
_FLAT_SEARCH_ROWS = 1000

# Older versions of a table are only for readers that opened it before; none reads so long.
_KEEP_VERSIONS = datetime.timedelta(hours=1)


@dataclass
class DatabaseOptions:
    """Options of the connection: `storage_options` are those of the object store."""

    storage_options: dict[str, Any] | None = None


class LanceDB(TargetSpec):
    """A table of LanceDB; it is compacted after so many transactions."""

    db_uri: str
    table_name: str
    db_options: DatabaseOptions | None = None
    num_transactions_before_optimize: int = 50


class _Table:
    """A table that an update writes to."""

    def __init__(
        self,
        table: Any,
        columns: ArrowColumns,
        key_kinds: list[str],
        optimize_after: int,
    ) -> None:
        self.table, self.columns, self.key_kinds = table, columns, key_kinds
        self.key_names: list[str] = columns.key_schema.names
        # A table that had a column added has it last, wherever the flow has it.
        self.order: list[str] = [
            name for name in table.schema.names if name in columns.schema.names
        ]
        self.optimize_after, self.transactions = optimize_after, 0
        # Batches of one table may come from several threads, and would only wait for each other.
        self.lock = threading.Lock()

    def upsert(self, rows: Sequence[tuple[Key, Row]]) -> None:
        data = self.columns.table(rows).select(self.order)
        self._refuse_nan(data)
        merge = self.table.merge_insert(self.key_names)
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        # What LanceDB calls a bad vector here is one that is absent.
        merge.execute(data, on_bad_vectors="null")
        self.transactions += 1

    def _refuse_nan(self, data: Any) -> None:
        import pyarrow.compute as pc
        from pyarrow import types

        for name, column in zip(data.schema.names, data.columns, strict=True):
            vectors = types.is_fixed_size_list(column.type)
            if not vectors or not types.is_floating(column.type.value_type):
                continue
            if any(pc.any(pc.is_nan(chunk.flatten())).as_py() for chunk in column.chunks):
                raise ValueError(f"a vector of the field {name!r} has a NaN")

    def delete(self, keys: Sequence[Key]) -> None:
        for condition in self._conditions(keys):
            self.table.delete(condition)
            self.transactions += 1

    def _conditions(self, keys: Sequence[Key]) -> Iterator[str]:
        for start in range(0, len(keys), _KEYS_IN_CONDITION):
            part = keys[start : start + _KEYS_IN_CONDITION]
            condition = self._condition(part)
            if len(self.key_names) > 1 and self.key_kinds[0] in _LITERALS:
                # The first part of the key has an index.
                first = map(_LITERALS[self.key_kinds[0]], {key[0]: None for key in part})
                condition = f"`{self.key_names[0]}` IN ({', '.join(first)}) AND ({condition})"
            yield condition

    def _condition(self, keys: Sequence[Key]) -> str:
        if len(self.key_names) == 1 and self.key_kinds[0] in _LITERALS:
            literal = _LITERALS[self.key_kinds[0]]
            return f"`{self.key_names[0]}` IN ({', '.join(literal(key[0]) for key in keys)})"
        if all(kind in _TEXTS for kind in self.key_kinds):
            # Many times faster than a comparison of every part with every key.
            parts = zip(self.key_names, self.key_kinds, strict=True)
            column = f"concat({', '.join(_TEXTS[kind][0].format(f=name) for name, kind in parts)})"
            return f"{column} IN ({', '.join(map(self._text_literal, keys))})"
        return " OR ".join(f"({self._equals(key)})" for key in keys)

    def _text_literal(self, key: Key) -> str:
        parts = zip(self.key_kinds, key, strict=True)
        return _LITERALS["Str"]("".join(_TEXTS[kind][1](value) for kind, value in parts))

    def _equals(self, key: Key) -> str:
        parts = []
        for name, kind, value in zip(self.key_names, self.key_kinds, key, strict=True):
            if kind == "Range":
                parts += [f"`{name}`.`start` = {value[0]}", f"`{name}`.`end` = {value[1]}"]
            else:
                parts.append(f"`{name}` = {_LITERALS[kind](value)}")
        return " AND ".join(parts)

    def needs_optimizing(self) -> bool:
        """Say whether there are too many fragments, or an index that has not been trained."""
        fragments = self.table.stats()["fragment_stats"]["num_small_fragments"]
        if fragments > self.optimize_after:
            return True
        return any(
            index.num_unindexed_rows > max(_FLAT_SEARCH_ROWS, index.num_indexed_rows)
            for index in self.table.list_indices()
        )

    def optimize(self) -> None:
        self.table.optimize(cleanup_older_than=_KEEP_VERSIONS)
        self.transactions = 0


class LanceDBConnector:
    """Writes rows to tables of LanceDB, the upserts of a batch in one transaction."""

    def __init__(self) -> None:
        # Options may hold secrets, so they are kept here and not with the set-up state.
        self._options: dict[str, dict[str, Any] | None] = {}

    def persistent_key(
        self,
        spec: LanceDB,
        target_name: str,  # noqa: ARG002 - part of the contract
        flow_name: str,  # noqa: ARG002 - part of the contract
        namespace: str,  # noqa: ARG002 - part of the contract
    ) -> dict[str, str]:
        """Return the database's address and the table."""
        self._remember(spec)
        return {"db_uri": str(spec.db_uri), "table_name": spec.table_name}

    def setup_state(self, spec: LanceDB, schema: ExportSchema) -> dict[str, Any]:
        """Return the columns with their types, and the indexes."""
        self._remember(spec)
        for field in schema.key:
            if field.value_type.type.kind not in (*_LITERALS, "Range"):
                raise DefinitionError(
                    f"The key field {field.name!r} of LanceDB table {spec.table_name!r} has the "
                    f"type {field.value_type.type}, by which rows cannot be found there.",
                    hint=f"A key may be {', '.join(sorted(_LITERALS))} or Range.",
                )
        key, value = stored_fields(schema)
        return {
            "key": columns(key, lambda field: plain_type(field.value_type.type)),
            "value": columns(value, lambda field: plain_type(field.value_type.type)),
            "indexes": index_definitions(schema),
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare the columns; indexes change no row."""
        return compare_columns(desired, existing)

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create, alter or drop the tables."""
        for change in changes:
            name = change.key["table_name"]
            database = self._connect(change.key["db_uri"])
            try:
                if change.current is None:
                    database.drop_table(name, ignore_missing=True)
                else:
                    set_up_table(database, name, change.previous, change.current)
            except (ValueError, OSError, RuntimeError) as error:
                if isinstance(error, DefinitionError):
                    raise
                raise FlowError(
                    f"Setting up {self.describe(change.key)} failed: {_reason(error)}",
                    hint="Fix the cause and set it up again; what has been done is kept.",
                ) from error

    def describe(self, key: Any) -> str:
        """Return the table and the database."""
        return f"LanceDB table {key['table_name']} in {key['db_uri']}"

    def open(self, spec: LanceDB, key: Any, schema: ExportSchema) -> _Table:
        """Open the table."""
        self._remember(spec)
        table = self._connect(key["db_uri"]).open_table(key["table_name"])
        kinds = [field.value_type.type.kind for field in schema.key]
        columns = ArrowColumns(*stored_fields(schema), ARROW_OPTIONS)
        return _Table(table, columns, kinds, spec.num_transactions_before_optimize)

    def group(self, target: _Table) -> object:
        """Return the table: LanceDB has no transactions over several."""
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Merge the upserts, then delete, in two transactions."""
        for batch in batches:
            table: _Table = batch.target
            upserts, deletes = final_rows(batch)
            try:
                with table.lock:
                    if upserts:
                        table.upsert(upserts)
                    if deletes:
                        table.delete(deletes)
                    if table.transactions >= table.optimize_after:
                        table.optimize()
            except (ValueError, OSError, RuntimeError) as error:
                raise FlowError(
                    f"Writing to LanceDB table {table.table.name} failed: {_reason(error)}",
                    hint="The batch may be written in part; the next update writes it again.",
                ) from error

    def finish(self, target: _Table) -> None:
        """Compact the table, and bring its indexes up to date, where that pays."""
        with target.lock:
            if target.transactions and target.needs_optimizing():
                target.optimize()

    def close(self, target: _Table) -> None:
        """Do nothing: LanceDB closes a table that is no longer used."""

    def _remember(self, spec: LanceDB) -> None:
        options = spec.db_options.storage_options if spec.db_options else None
        self._options[str(spec.db_uri)] = options

    def _connect(self, uri: str) -> Any:
        lancedb = import_lancedb()
        return lancedb.connect(uri, storage_options=self._options.get(uri))


def _reason(error: Exception) -> str:
    # A traceback may follow, which the chained exception has too.
    return str(error).partition("Detail:")[0].strip()


async def connect_async(
    db_uri: str,
    *,
    db_options: DatabaseOptions | None = None,
    read_consistency_interval: datetime.timedelta | None = None,
) -> AsyncConnection:
    """Return a connection to a database, the same one as long as it is in use.

    By default every read sees what the flow has written so far.
    """
    lancedb = import_lancedb()
    with _connections_lock:
        connection = _connections.get(db_uri)
    if connection is None:
        options = db_options.storage_options if db_options else None
        consistency = read_consistency_interval or datetime.timedelta(0)
        connection = await lancedb.connect_async(
            db_uri, storage_options=options, read_consistency_interval=consistency
        )
        with _connections_lock:
            connection = _connections.setdefault(db_uri, connection)
    return connection


register_target(LanceDB, LanceDBConnector())
