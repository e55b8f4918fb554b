"""SQLite tables and their rows as target states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
from coco_flow.components.connectors.sqlite import statements
from coco_flow.components.connectors.sqlite.connection import VEC_EXTENSION, ManagedConnection
from coco_flow.components.connectors.sqlite.schema import TableSchema, Vec0TableDef
from coco_flow.components.datatype import TypeChecker

__all__ = ["TableTarget", "declare_table_target", "mount_table_target", "table_target"]

_TABLE_KEY = TypeChecker(tuple[str, str])


@dataclass
class TableSpec:
    """What a table is to be."""

    table_schema: TableSchema[Any]
    managed_by: ManagedBy
    virtual_table_def: Vec0TableDef | None


class TableAction(NamedTuple):
    """A table to make, alter or drop; `db_key` names the context key of the connection."""

    db_key: str
    table_name: str
    spec: TableSpec | coco.NonExistenceType
    main_action: statediff.DiffAction | None
    part_actions: dict[str, statediff.DiffAction]


class _Rows(RowHandler):
    """Reconciles the rows of one table."""

    def __init__(self, managed: ManagedConnection, table_name: str, spec: TableSpec) -> None:
        self._managed = managed
        self._table_name = table_name
        self._spec = spec
        self.sink = coco.TargetActionSink.from_fn(self._apply)

    def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[RowAction], /
    ) -> None:
        with self._managed.transaction() as conn:
            statements.apply_rows(
                conn,
                self._table_name,
                self._spec.table_schema,
                actions,
                is_virtual=self._spec.virtual_table_def is not None,
            )


def _apply_tables(
    context_provider: coco.ContextProvider, actions: Sequence[TableAction], /
) -> None:
    for action in actions:
        managed = context_provider.get(action.db_key, ManagedConnection)
        with managed.transaction() as conn:
            _apply_table(conn, action, VEC_EXTENSION in managed.loaded_extensions)


def _apply_table(conn: Any, action: TableAction, has_vec: bool) -> None:
    table_name, spec, main = action.table_name, action.spec, action.main_action
    if main in ("replace", "delete"):
        statements.drop_table(conn, table_name)
    if coco.is_non_existence(spec):
        return
    schema, virtual = spec.table_schema, spec.virtual_table_def
    if virtual is not None:
        # A virtual table cannot be altered, nor created if it is not there.
        if main == "upsert" or action.part_actions:
            statements.drop_table(conn, table_name)
        if main is not None or action.part_actions:
            statements.create_virtual_table(
                conn, table_name, schema, virtual, has_vec_extension=has_vec
            )
        return
    if main in ("insert", "upsert", "replace"):
        statements.create_table(
            conn, table_name, schema, if_not_exists=main == "upsert", has_vec_extension=has_vec
        )
    statements.apply_column_actions(conn, table_name, schema, action.part_actions)


def _child_handler(context_provider: coco.ContextProvider, action: TableAction) -> _Rows | None:
    if coco.is_non_existence(action.spec):
        return None
    managed = context_provider.get(action.db_key, ManagedConnection)
    return _Rows(managed, action.table_name, action.spec)


_SINK: coco.TargetActionSink[TableAction] = coco.TargetActionSink.from_fn(
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
        db_key, table_name = _TABLE_KEY.check(key)
        if coco.is_non_existence(desired):
            record: TableRecord | coco.NonExistenceType = coco.NON_EXISTENCE
            virtual = False
        else:
            virtual = desired.virtual_table_def is not None
            record = table_record(
                desired.table_schema, desired.managed_by, variant=desired.virtual_table_def
            )
        change = plan_table(record, previous, may_be_missing)
        # A virtual table is recreated for any difference.
        recreated = virtual and (change.main_action == "upsert" or bool(change.part_actions))
        return coco.TargetReconcileOutput(
            TableAction(db_key, table_name, desired, change.main_action, change.part_actions),
            _SINK,
            record,
            "destructive" if recreated else change.child_invalidation,
        )


_provider: coco.TargetStateProvider[TableSpec, _Rows] = coco.register_root_target_states_provider(
    "cocoindex/sqlite/table", _Tables()
)


class TableTarget(TableTargetBase[RowT, coco.MaybePendingS], coco.ResolvesTo["TableTarget[RowT]"]):
    """A table whose rows are those that are declared."""


def _check_virtual(schema: TableSchema[Any], definition: Vec0TableDef, has_vec: bool) -> None:
    """Refuse what sqlite-vec cannot do, before anything is done."""
    if not has_vec:
        raise RuntimeError(
            "sqlite-vec extension must be loaded for vec0 virtual tables. "
            "Use connect(..., load_vec=True)"
        )
    if not any(column.type.startswith("float[") for column in schema.columns.values()):
        raise ValueError("vec0 virtual tables require at least one float[N] vector column")
    for kind, names in (
        ("Partition key", definition.partition_key_columns),
        ("Auxiliary", definition.auxiliary_columns),
    ):
        unknown = sorted(set(names) - set(schema.columns))
        if unknown:
            raise ValueError(f"{kind} columns not in schema: {unknown}")
    if len(schema.primary_key) != 1:
        raise ValueError(
            "vec0 virtual tables require exactly one primary key column, got "
            f"{len(schema.primary_key)}: {schema.primary_key}"
        )
    name = schema.primary_key[0]
    if schema.columns[name].type != "INTEGER":
        raise ValueError(
            "vec0 virtual tables require INTEGER primary key, got "
            f"{schema.columns[name].type} for column '{name}'"
        )


def table_target(
    db: coco.ContextKey[ManagedConnection],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
    virtual_table_def: Vec0TableDef | None = None,
) -> coco.TargetState[_Rows]:
    """Return the state of a table, for `mount_target`.

    Args:
        db: Context key of the connection.
        table_name: Name of the table.
        table_schema: Its columns and primary key.
        managed_by: Whether the table is made and dropped here, or is the user's.
        virtual_table_def: Makes it a virtual table of sqlite-vec.
    """
    check_identifier(table_name, "table name")
    for column in table_schema.columns:
        check_identifier(column, "column name")
    if virtual_table_def is not None:
        has_vec = VEC_EXTENSION in coco.use_context(db).loaded_extensions
        _check_virtual(table_schema, virtual_table_def, has_vec)
    spec = TableSpec(table_schema, managed_by, virtual_table_def)
    return _provider.target_state((db.key, table_name), spec)


def declare_table_target(
    db: coco.ContextKey[ManagedConnection],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
    virtual_table_def: Vec0TableDef | None = None,
) -> TableTarget[RowT, coco.PendingS]:
    """Declare a table; rows can be declared once the component that declares it is done.

    The arguments are those of `table_target`.
    """
    state = table_target(
        db, table_name, table_schema, managed_by=managed_by, virtual_table_def=virtual_table_def
    )
    return TableTarget(coco.declare_target_state_with_child(state), table_schema)


async def mount_table_target(
    db: coco.ContextKey[ManagedConnection],
    table_name: str,
    table_schema: TableSchema[RowT],
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
    virtual_table_def: Vec0TableDef | None = None,
) -> TableTarget[RowT]:
    """Make a table and return it, ready for rows; the arguments are those of `table_target`."""
    state = table_target(
        db, table_name, table_schema, managed_by=managed_by, virtual_table_def=virtual_table_def
    )
    return TableTarget(await coco.mount_target(state), table_schema)
