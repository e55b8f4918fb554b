"""LanceDB tables and their rows as target states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from coco_flow import components as coco
from coco_flow.components.connectorkits import statediff
from coco_flow.components.connectorkits.table_schema import RowT, check_identifier
from coco_flow.components.connectorkits.table_state import (
    TableRecord,
    column_actions_by_name,
    plan_table,
    table_record,
)
from coco_flow.components.connectorkits.table_target import TableTargetBase
from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.connectors.lancedb.driver import LanceAsyncConnection, lancedb, pa
from coco_flow.components.connectors.lancedb.indexes import FtsIndex, VectorIndex
from coco_flow.components.connectors.lancedb.rows import Rows
from coco_flow.components.connectors.lancedb.schema import TableSchema
from coco_flow.components.datatype import TypeChecker
from coco_flow.errors import FlowConflict

__all__ = [
    "LanceAsyncConnection",
    "TableTarget",
    "connect",
    "connect_async",
    "declare_table_target",
    "mount_table_target",
    "table_target",
]

_TABLE_KEY = TypeChecker(tuple[str, str])


@dataclass
class TableSpec:
    """What a table is to be."""

    table_schema: TableSchema[Any]
    managed_by: ManagedBy


class TableAction(NamedTuple):
    """A table to make, alter or drop; `db_key` names the context key of the connection."""

    db_key: str
    table_name: str
    spec: TableSpec | coco.NonExistenceType
    main_action: statediff.DiffAction | None
    part_actions: dict[str, statediff.DiffAction]


async def _apply_tables(
    context_provider: coco.ContextProvider, actions: Sequence[TableAction], /
) -> None:
    for action in actions:
        conn = context_provider.get(action.db_key, LanceAsyncConnection)
        name, main = action.table_name, action.main_action
        exists = name in (await conn.list_tables()).tables
        if exists and main == "insert":
            raise FlowConflict(
                f"There is a LanceDB table {name!r} that this app has not made.",
                hint="Drop it, choose another name, or declare it with managed_by=ManagedBy.USER.",
            )
        if exists and main in ("replace", "delete"):
            await conn.drop_table(name)
            exists = False
        if coco.is_non_existence(action.spec):
            continue
        schema = action.spec.table_schema
        if main is not None and not exists:
            await conn.create_table(name, schema=schema.arrow())
        elif action.part_actions:
            await _add_columns(conn, name, schema, action.part_actions)


async def _add_columns(
    conn: LanceAsyncConnection,
    table_name: str,
    schema: TableSchema[Any],
    part_actions: dict[str, statediff.DiffAction],
) -> None:
    table = await conn.open_table(table_name)
    present = set((await table.schema()).names)
    # The rows that are there have no value yet, so a new column can only be nullable.
    fields = [
        pa.field(name, schema.columns[name].type, nullable=True)
        for name, _ in column_actions_by_name(schema, part_actions)
        if name not in present
    ]
    if fields:
        await table.add_columns(fields)


def _child_handler(context_provider: coco.ContextProvider, action: TableAction) -> Rows | None:
    if coco.is_non_existence(action.spec):
        return None
    conn = context_provider.get(action.db_key, LanceAsyncConnection)
    return Rows(conn, action.table_name, action.spec.table_schema)


_SINK: coco.TargetActionSink[TableAction] = coco.TargetActionSink.from_async_fn(
    _apply_tables, child_handler=_child_handler
)


class _Tables(coco.TargetHandler[TableSpec, TableRecord, Rows]):
    """Reconciles tables."""

    def reconcile(
        self,
        key: coco.StableKey,
        desired: TableSpec | coco.NonExistenceType,
        previous: Collection[TableRecord],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[TableAction, TableRecord, Rows]:
        """Return what to do for one table; all changes but new columns recreate it."""
        db_key, table_name = _TABLE_KEY.check(key)
        record: TableRecord | coco.NonExistenceType = coco.NON_EXISTENCE
        if not coco.is_non_existence(desired):
            record = table_record(desired.table_schema, desired.managed_by)
        main, parts, invalidation = plan_table(record, previous, may_be_missing)
        if any(action in ("delete", "replace") for action in parts.values()):
            main, parts, invalidation = "replace", {}, "destructive"
        action = TableAction(db_key, table_name, desired, main, parts)
        return coco.TargetReconcileOutput(action, _SINK, record, invalidation)


_provider: coco.TargetStateProvider[TableSpec, Rows] = coco.register_root_target_states_provider(
    "cocoindex/lancedb/table", _Tables()
)


class TableTarget(TableTargetBase[RowT, coco.MaybePendingS], coco.ResolvesTo["TableTarget[RowT]"]):
    """A table whose rows are those that are declared."""

    def declare_vector_index(
        self: TableTarget[RowT, Any],
        *,
        name: str | None = None,
        column: str,
        metric: Literal["cosine", "l2", "dot"] = "cosine",
        index_type: Literal["ivf_pq", "hnsw_pq"] = "ivf_pq",
        num_partitions: int | None = None,
        num_sub_vectors: int | None = None,
        num_bits: int | None = None,
        m: int | None = None,
        ef_construction: int | None = None,
    ) -> None:
        """Declare an index that finds near vectors.

        Args:
            name: Its name, the column's by default.
            column: The column.
            metric: What is near.
            index_type: Kind of the index.
            num_partitions: Parts that the vectors are divided into, for ivf_pq.
            num_sub_vectors: Parts that a vector is divided into for compression.
            num_bits: Bits for each of those parts.
            m: Connections of a node, for hnsw_pq.
            ef_construction: Candidates that are kept while it is built, for hnsw_pq.
        """
        self._column(column)
        index = VectorIndex(
            column, metric, index_type, num_partitions, num_sub_vectors, num_bits, m,
            ef_construction,
        )  # fmt: skip
        self._declare_attachment("vector_index", name or column, index)

    def declare_fts_index(
        self: TableTarget[RowT, Any],
        *,
        name: str | None = None,
        column: str,
        language: str = "English",
        with_position: bool = True,
    ) -> None:
        """Declare an index that finds words.

        Args:
            name: Its name, the column's by default.
            column: The column.
            language: Language for stemming.
            with_position: Whether phrases can be found.
        """
        self._column(column)
        index = FtsIndex(column, language, with_position)
        self._declare_attachment("fts_index", name or column, index)


def table_target(
    db: coco.ContextKey[LanceAsyncConnection],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> coco.TargetState[Rows]:
    """Return the state of a table, for `mount_target`.

    Args:
        db: Context key of the async connection.
        table_name: Name of the table.
        table_schema: Its columns and primary key.
        managed_by: Whether the table is made and dropped here, or is the user's.
    """
    for column in table_schema.columns:
        check_identifier(column, "column name")
    return _provider.target_state((db.key, table_name), TableSpec(table_schema, managed_by))


def declare_table_target(
    db: coco.ContextKey[LanceAsyncConnection],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> TableTarget[RowT, coco.PendingS]:
    """Declare a table; rows can be declared once the component that declares it is done.

    The arguments are those of `table_target`.
    """
    state = table_target(db, table_name, table_schema, managed_by=managed_by)
    return TableTarget(coco.declare_target_state_with_child(state), table_schema)


async def mount_table_target(
    db: coco.ContextKey[LanceAsyncConnection],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> TableTarget[RowT]:
    """Make a table and return it, ready for rows; the arguments are those of `table_target`."""
    state = table_target(db, table_name, table_schema, managed_by=managed_by)
    return TableTarget(await coco.mount_target(state), table_schema)


async def connect_async(uri: str, **options: Any) -> LanceAsyncConnection:
    """Open a database: a folder, or a URI of object storage."""
    return await lancedb.connect_async(uri, **options)


def connect(uri: str, **options: Any) -> lancedb.DBConnection:
    """Open a database for code that is not async, such as a search."""
    return lancedb.connect(uri, **options)
