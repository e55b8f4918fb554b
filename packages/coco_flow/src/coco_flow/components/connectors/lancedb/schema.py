"""Columns of LanceDB tables, which have the types of Arrow."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from coco_flow.components.connectorkits.table_schema import (
    RowT,
    SchemaBase,
    ValueEncoder,
    check_vector_use,
)
from coco_flow.components.connectors.lancedb.driver import pa
from coco_flow.components.datatype import DataTypeInfo
from coco_flow.components.schema import VectorSchema, VectorSchemaProvider

__all__ = ["ColumnDef", "LanceType", "TableSchema"]


class LanceType(NamedTuple):
    """The type of a column, as an annotation: `Annotated[int, LanceType(pa.int32())]`."""

    pa_type: pa.DataType
    encoder: ValueEncoder | None = None


class ColumnDef(NamedTuple):
    """A column."""

    type: pa.DataType
    nullable: bool = True
    encoder: ValueEncoder | None = None


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _isoformat(value: Any) -> str:
    text: str = value.isoformat()
    return text


_TYPES: dict[Any, LanceType] = {
    bool: LanceType(pa.bool_()),
    int: LanceType(pa.int64()),
    float: LanceType(pa.float64()),
    str: LanceType(pa.string()),
    bytes: LanceType(pa.binary()),
    decimal.Decimal: LanceType(pa.string(), str),
    uuid.UUID: LanceType(pa.string(), str),
    datetime.date: LanceType(pa.string(), _isoformat),
    datetime.time: LanceType(pa.string(), _isoformat),
    datetime.datetime: LanceType(pa.string(), _isoformat),
    datetime.timedelta: LanceType(pa.float64(), datetime.timedelta.total_seconds),
    np.int8: LanceType(pa.int8()),
    np.int16: LanceType(pa.int16()),
    np.int32: LanceType(pa.int32()),
    np.int64: LanceType(pa.int64()),
    np.uint8: LanceType(pa.uint8()),
    np.uint16: LanceType(pa.uint16()),
    np.uint32: LanceType(pa.uint32()),
    np.uint64: LanceType(pa.uint64()),
    np.float16: LanceType(pa.float16()),
    np.float32: LanceType(pa.float32()),
    np.float64: LanceType(pa.float64()),
}
_JSON = LanceType(pa.string(), _json)


class TableSchema(SchemaBase[RowT]):
    """Columns and primary key of a LanceDB table."""

    override_type: ClassVar[type[tuple[Any, ...]]] = LanceType
    database: ClassVar[str] = "LanceDB"

    columns: dict[str, ColumnDef]

    @classmethod
    def column(cls, info: DataTypeInfo, vector: VectorSchema | None, given: Any) -> ColumnDef:
        """Return the column for an annotation; what Arrow has no plain type for becomes JSON."""
        if given is None and info.base_type in _TYPES:
            given = _TYPES[info.base_type]
        if given is None:
            check_vector_use(info, vector)
            given = _JSON if vector is None else _vector_type(vector)
        return ColumnDef(given.pa_type, info.nullable, given.encoder)

    @classmethod
    async def from_class(
        cls,
        record_type: type[RowT],
        primary_key: list[str],
        *,
        column_specs: dict[str, LanceType | VectorSchemaProvider] | None = None,
        column_overrides: dict[str, Any] | None = None,
    ) -> Self:
        """Make the schema of a dataclass, NamedTuple or Pydantic model.

        Args:
            record_type: The class of the rows.
            primary_key: The fields that identify a row.
            column_specs: By field: its type in the database, or what knows the vector schema.
            column_overrides: The same, by the name that the other connectors have for it.
        """
        overrides = {**(column_overrides or {}), **(column_specs or {})}
        return await super().from_class(record_type, primary_key, column_overrides=overrides)

    def arrow(self) -> pa.Schema:
        """Return the schema as Arrow has it."""
        return pa.schema(
            [pa.field(n, c.type, nullable=c.nullable) for n, c in self.columns.items()]
        )

    def batch(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        """Return encoded rows as a batch."""
        arrays = [
            pa.array([row[name] for row in rows], type=column.type)
            for name, column in self.columns.items()
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow())


def _vector_type(vector: VectorSchema) -> LanceType:
    element = pa.float16() if vector.dtype == np.dtype(np.float16) else pa.float32()
    return LanceType(pa.list_(element, vector.size))
