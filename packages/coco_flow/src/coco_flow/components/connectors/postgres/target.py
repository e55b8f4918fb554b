"""PostgreSQL tables and their rows as target states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from coco_flow import components as coco
from coco_flow.components.connectorkits import statediff
from coco_flow.components.connectorkits.table_schema import RowT, check_identifier
from coco_flow.components.connectorkits.table_state import (
    RowAction,
    RowHandler,
    TableRecord,
    plan_table,
    table_record,
)
from coco_flow.components.connectorkits.table_target import TableTargetBase
from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.connectors.postgres import statements
from coco_flow.components.connectors.postgres.attachments import (
    SqlCommand,
    SqlCommands,
    VectorIndex,
    VectorIndexes,
)
from coco_flow.components.connectors.postgres.driver import asyncpg, qualified
from coco_flow.components.connectors.postgres.schema import TableSchema, op_class
from coco_flow.components.datatype import TypeChecker

__all__ = [
    "TableTarget",
    "create_pool",
    "declare_table_target",
    "mount_table_target",
    "table_target",
]

_TABLE_KEY = TypeChecker(tuple[str, str | None, str])


@dataclass
class TableSpec:
    """What a table is to be."""

    table_schema: TableSchema[Any]
    managed_by: ManagedBy


class TableAction(NamedTuple):
    """A table to make, alter or drop; `db_key` names the context key of the pool."""

    db_key: str
    pg_schema_name: str | None
    table_name: str
    spec: TableSpec | coco.NonExistenceType
    main_action: statediff.DiffAction | None
    part_actions: dict[str, statediff.DiffAction]


class _Rows(RowHandler):
    """Reconciles the rows of one table, and its attachments."""

    def __init__(self, pool: Any, action: TableAction, schema: TableSchema[Any]) -> None:
        self._pool = pool
        self._table_name = action.table_name
        self._pg_schema_name = action.pg_schema_name
        self._schema = schema
        self.sink = coco.TargetActionSink.from_async_fn(self._apply)

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[RowAction], /
    ) -> None:
        table = qualified(self._table_name, self._pg_schema_name)
        async with self._pool.acquire() as conn:
            await statements.write_rows(conn, table, self._schema, actions)

    def attachments(self) -> dict[str, Any]:
        """Return the handlers of the table's attachments."""
        return {
            "vector_index": VectorIndexes(self._pool, self._table_name, self._pg_schema_name),
            "sql_command_attachment": SqlCommands(self._pool),
        }


async def _apply_tables(
    context_provider: coco.ContextProvider, actions: Sequence[TableAction], /
) -> None:
    for action in actions:
        pool = context_provider.get(action.db_key, asyncpg.Pool)
        async with pool.acquire() as conn, conn.transaction():
            await _apply_table(conn, action)


async def _apply_table(conn: Any, action: TableAction) -> None:
    table = qualified(action.table_name, action.pg_schema_name)
    main = action.main_action
    if main in ("replace", "delete"):
        await statements.drop_table(conn, table)
    if coco.is_non_existence(action.spec):
        return
    schema = action.spec.table_schema
    if main in ("insert", "upsert", "replace"):
        await statements.create_table(
            conn, table, action.pg_schema_name, schema, if_not_exists=main == "upsert"
        )
    if action.part_actions:
        await statements.alter_columns(conn, table, schema, action.part_actions)


def _child_handler(context_provider: coco.ContextProvider, action: TableAction) -> _Rows | None:
    if coco.is_non_existence(action.spec):
        return None
    pool = context_provider.get(action.db_key, asyncpg.Pool)
    return _Rows(pool, action, action.spec.table_schema)


_SINK: coco.TargetActionSink[TableAction] = coco.TargetActionSink.from_async_fn(
    _apply_tables, child_handler=_child_handler
)


class _Tables(coco.TargetHandler[TableSpec, TableRecord, _Rows]):
    """Reconciles tables."""

    def reconcile(
        self,
        key: coco.StableKey,
        desired: TableSpec | coco.NonExistenceType,
        previous: Collection[TableRecord],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[TableAction, TableRecord, _Rows]:
        """Return what to do for one table."""
        db_key, pg_schema_name, table_name = _TABLE_KEY.check(key)
        record: TableRecord | coco.NonExistenceType = coco.NON_EXISTENCE
        if not coco.is_non_existence(desired):
            record = table_record(desired.table_schema, desired.managed_by)
        change = plan_table(record, previous, may_be_missing)
        action = TableAction(
            db_key, pg_schema_name, table_name, desired, change.main_action, change.part_actions
        )
        return coco.TargetReconcileOutput(action, _SINK, record, change.child_invalidation)


_provider: coco.TargetStateProvider[TableSpec, _Rows] = coco.register_root_target_states_provider(
    "cocoindex/postgres/table", _Tables()
)


class TableTarget(TableTargetBase[RowT, coco.MaybePendingS], coco.ResolvesTo["TableTarget[RowT]"]):
    """A table whose rows are those that are declared."""

    def declare_vector_index(
        self: TableTarget[RowT, Any],
        *,
        name: str | None = None,
        column: str,
        metric: Literal["cosine", "l2", "ip"] = "cosine",
        method: Literal["ivfflat", "hnsw"] = "ivfflat",
        lists: int | None = None,
        m: int | None = None,
        ef_construction: int | None = None,
    ) -> None:
        """Declare an index of pgvector, which is called `TABLE__vector__NAME`.

        Args:
            name: Its name here, the column's by default.
            column: The column.
            metric: What is near.
            method: Kind of the index.
            lists: Number of lists, for ivfflat.
            m: Connections of a node in a layer, for hnsw.
            ef_construction: Candidates that are kept while it is built, for hnsw.
        """
        found = self._column(column)
        if method not in {"ivfflat", "hnsw"}:
            raise ValueError(f"Unsupported index method '{method}'; use ivfflat or hnsw.")
        name = column if name is None else name
        check_identifier(name, "index name")
        index = VectorIndex(
            column, metric, op_class(column, found.type, metric), method, lists, m, ef_construction
        )
        self._declare_attachment("vector_index", name, index)

    def declare_sql_command_attachment(
        self: TableTarget[RowT, Any],
        *,
        name: str,
        setup_sql: str,
        teardown_sql: str | None = None,
    ) -> None:
        """Declare something that statements of your own make, such as an index or a trigger.

        Args:
            name: What identifies it.
            setup_sql: Run when it is new or has changed.
            teardown_sql: Run before that when it has changed, and when it is removed.
        """
        command = SqlCommand(setup_sql, teardown_sql)
        self._declare_attachment("sql_command_attachment", name, command)


def table_target(
    db: coco.ContextKey[asyncpg.Pool],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    pg_schema_name: str | None = None,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> coco.TargetState[_Rows]:
    """Return the state of a table, for `mount_target`.

    Args:
        db: Context key of the pool of asyncpg.
        table_name: Name of the table.
        table_schema: Its columns and primary key.
        pg_schema_name: Schema of the database that it is in, made if it is not there.
        managed_by: Whether the table is made and dropped here, or is the user's.
    """
    check_identifier(table_name, "table name")
    if pg_schema_name is not None:
        check_identifier(pg_schema_name, "schema name")
    for column in table_schema.columns:
        check_identifier(column, "column name")
    spec = TableSpec(table_schema, managed_by)
    return _provider.target_state((db.key, pg_schema_name, table_name), spec)


def declare_table_target(
    db: coco.ContextKey[asyncpg.Pool],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    pg_schema_name: str | None = None,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> TableTarget[RowT, coco.PendingS]:
    """Declare a table; rows can be declared once the component that declares it is done.

    The arguments are those of `table_target`.
    """
    state = table_target(
        db, table_name, table_schema, pg_schema_name=pg_schema_name, managed_by=managed_by
    )
    return TableTarget(coco.declare_target_state_with_child(state), table_schema)


async def mount_table_target(
    db: coco.ContextKey[asyncpg.Pool],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    pg_schema_name: str | None = None,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> TableTarget[RowT]:
    """Make a table and return it, ready for rows; the arguments are those of `table_target`."""
    state = table_target(
        db, table_name, table_schema, pg_schema_name=pg_schema_name, managed_by=managed_by
    )
    return TableTarget(await coco.mount_target(state), table_schema)


async def create_pool(dsn: str | None = None, **kwargs: Any) -> asyncpg.Pool:
    """Return a pool; the same as `asyncpg.create_pool`, kept for programs that call it here."""
    return await asyncpg.create_pool(dsn, **kwargs)
