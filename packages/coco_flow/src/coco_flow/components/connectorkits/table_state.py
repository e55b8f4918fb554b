"""States of tables and rows in a database: what is tracked, and which change follows from it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from coco_flow import components as coco
from coco_flow.components.connectorkits import statediff
from coco_flow.components.connectorkits.fingerprint import fingerprint_object
from coco_flow.components.connectorkits.table_schema import SchemaBase
from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.datatype import TypeChecker

__all__ = [
    "COLUMN_PREFIX",
    "ColumnRecord",
    "FingerprintHandler",
    "KeyColumn",
    "Named",
    "RowAction",
    "RowHandler",
    "TableChange",
    "TableMain",
    "TableRecord",
    "column_actions_by_name",
    "plan_table",
    "table_record",
]

COLUMN_PREFIX = "col:"

_ROW_KEY = TypeChecker(tuple[Any, ...])


class KeyColumn(msgspec.Struct, frozen=True, array_like=True):
    """A column of the primary key."""

    name: str
    type: str


class ColumnRecord(msgspec.Struct, frozen=True, array_like=True):
    """A column that can be changed without recreating the table."""

    type: str
    nullable: bool


class TableMain(msgspec.Struct, frozen=True, array_like=True):
    """The part of a table that can only be changed by recreating it.

    `variant` is a fingerprint of the kind of table, besides its columns, or None.
    """

    primary_key: tuple[KeyColumn, ...]
    variant: bytes | None = None


TableRecord: TypeAlias = statediff.MutualTrackingRecord[
    statediff.CompositeTrackingRecord[TableMain, str, ColumnRecord | None]
]
"""What is tracked of a table. Parts besides columns, such as an extension, have no record."""


def table_record(
    schema: SchemaBase[Any],
    managed_by: ManagedBy,
    *,
    variant: object = None,
    parts: Collection[str] = (),
) -> TableRecord:
    """Return the record of a table with this schema."""
    main = TableMain(
        tuple(KeyColumn(name, str(schema.columns[name].type)) for name in schema.primary_key),
        None if variant is None else fingerprint_object(variant),
    )
    sub: dict[str, ColumnRecord | None] = {
        COLUMN_PREFIX + name: ColumnRecord(str(column.type), column.nullable)
        for name, column in schema.columns.items()
        if name not in schema.primary_key
    }
    sub.update(dict.fromkeys(parts))
    return statediff.MutualTrackingRecord(statediff.CompositeTrackingRecord(main, sub), managed_by)


class TableChange(NamedTuple):
    """The change of a table and of its parts, and what happens to its rows."""

    main_action: statediff.DiffAction | None
    part_actions: dict[str, statediff.DiffAction]
    child_invalidation: Literal["destructive", "lossy"] | None


def plan_table(
    desired: TableRecord | coco.NonExistenceType,
    previous: Collection[TableRecord],
    may_be_missing: bool,
) -> TableChange:
    """Compare the wanted record of a table with those that may be true."""
    transition = statediff.TrackingRecordTransition(desired, previous, may_be_missing)
    resolved = statediff.resolve_system_transition(transition)
    main, parts = statediff.diff_composite(resolved)
    actions: dict[str, statediff.DiffAction] = {}
    # A table that is recreated gets its columns with it. One that may be there already may have
    # older columns.
    if main is None or main == "upsert":
        for part, each in parts.items():
            action = statediff.diff(each)
            if action is not None:
                actions[part] = action
    invalidation: Literal["destructive", "lossy"] | None = None
    if main == "replace":
        invalidation = "destructive"
    elif any(action != "insert" for action in actions.values()):
        invalidation = "lossy"
    return TableChange(main, actions, invalidation)


def column_actions_by_name(
    schema: SchemaBase[Any], part_actions: dict[str, statediff.DiffAction]
) -> list[tuple[str, statediff.DiffAction]]:
    """Return the actions on columns; those of the primary key are never altered."""
    names = []
    for part, action in part_actions.items():
        name = part.removeprefix(COLUMN_PREFIX)
        if name == part:
            raise ValueError(f"Unexpected part of a table: {part!r} does not begin with 'col:'.")
        # A column that is not wanted can only be dropped.
        if name not in schema.primary_key and (action == "delete" or name in schema.columns):
            names.append((name, action))
    return names


class RowAction(NamedTuple):
    """A row to write, or to delete if the value is None."""

    key: tuple[Any, ...]
    value: dict[str, Any] | None


class RowHandler(coco.TargetHandler[dict[str, Any], bytes, None]):
    """Reconciles the rows of one table; a row is written again if its fingerprint differs."""

    sink: coco.TargetActionSink[RowAction]

    def reconcile(
        self,
        key: coco.StableKey,
        desired: dict[str, Any] | coco.NonExistenceType,
        previous: Collection[bytes],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[RowAction, bytes, None] | None:
        """Return what to do for one row."""
        row_key = _ROW_KEY.check(key)
        if coco.is_non_existence(desired):
            if not previous and not may_be_missing:
                return None
            action = RowAction(row_key, None)
            return coco.TargetReconcileOutput(action, self.sink, coco.NON_EXISTENCE)
        # Without nulls, so that a new column that is null in a row does not change the row.
        values = {name: value for name, value in desired.items() if value is not None}
        digest = fingerprint_object(values)
        if not may_be_missing and all(each == digest for each in previous):
            return None
        return coco.TargetReconcileOutput(RowAction(row_key, desired), self.sink, digest)


class Named(NamedTuple):
    """Something with a name to make, or to remove if there is no spec."""

    name: str
    spec: Any


class FingerprintHandler(coco.TargetHandler[Any, bytes, None]):
    """Reconciles named objects of one kind, such as indexes; a change recreates the object."""

    sink: coco.TargetActionSink[Named]

    def reconcile(
        self,
        key: coco.StableKey,
        desired: Any | coco.NonExistenceType,
        previous: Collection[bytes],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[Named, bytes, None] | None:
        """Return what to do for one of them."""
        if not isinstance(key, str):
            raise TypeError(f"The name of an attachment must be a string, not {key!r}.")
        if coco.is_non_existence(desired):
            if not previous and not may_be_missing:
                return None
            return coco.TargetReconcileOutput(Named(key, None), self.sink, coco.NON_EXISTENCE)
        digest = fingerprint_object(desired)
        if not may_be_missing and all(each == digest for each in previous):
            return None
        return coco.TargetReconcileOutput(Named(key, desired), self.sink, digest)
