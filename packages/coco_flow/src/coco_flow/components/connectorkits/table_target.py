"""The base of relational connectors' table targets: rows declared as target states of a table."""

from __future__ import annotations

from typing import Any, Generic

from coco_flow import components as coco
from coco_flow.components.connectorkits.table_schema import Column, RowT, SchemaBase

__all__ = ["TableTargetBase"]


class TableTargetBase(Generic[RowT, coco.MaybePendingS]):
    """A table whose rows are those that are declared."""

    _provider: coco.TargetStateProvider[dict[str, Any], None, Any]

    def __init__(
        self,
        provider: coco.TargetStateProvider[dict[str, Any], None, coco.MaybePendingS],
        table_schema: SchemaBase[RowT],
    ) -> None:
        self._provider = provider
        self._table_schema = table_schema

    def declare_row(self: TableTargetBase[RowT, Any], *, row: RowT) -> None:
        """Declare a row: a dict, or an object with the columns as attributes.

        A dict may leave out columns that can be null.
        """
        encoded = self._table_schema.encode_row(row)
        key = self._table_schema.key_of(row, encoded)
        coco.declare_target_state(self._provider.target_state(key, encoded))

    def _column(self, name: str) -> Column:
        found: Column | None = self._table_schema.columns.get(name)
        if found is None:
            raise ValueError(
                f"Column '{name}' not found in table schema: {list(self._table_schema.columns)}"
            )
        return found

    def _declare_attachment(self, kind: str, name: str, value: object) -> None:
        provider = self._provider.attachment(kind)
        coco.declare_target_state(provider.target_state(name, value))

    def __coco_memo_key__(self) -> str:
        """Identify the table."""
        return self._provider.memo_key
