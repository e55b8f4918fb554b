"""Columns of SQLite tables, and how values are stored in them."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from typing import Any, ClassVar, NamedTuple

import msgspec

from coco_flow.components.connectorkits.table_schema import (
    ColumnType,
    RowT,
    SchemaBase,
    ValueEncoder,
    check_vector_use,
)
from coco_flow.components.datatype import DataTypeInfo
from coco_flow.components.schema import VectorSchema

__all__ = ["ColumnDef", "SqliteType", "TableSchema", "Vec0TableDef"]


class SqliteType(NamedTuple):
    """The type of a column, as an annotation: `Annotated[int, SqliteType("TEXT", str)]`."""

    sqlite_type: str
    encoder: ValueEncoder | None = None


class ColumnDef(NamedTuple):
    """A column; a vector column needs sqlite-vec."""

    type: str
    nullable: bool = True
    encoder: ValueEncoder | None = None
    is_vector: bool = False


class Vec0TableDef(msgspec.Struct, frozen=True):
    """Makes a table a virtual one of sqlite-vec, which finds the nearest vectors fast.

    Attributes:
        partition_key_columns: Columns that divide the index; a search reads one value of each.
        auxiliary_columns: Columns that are only stored, and that no search can filter by.
    """

    partition_key_columns: list[str] = []
    auxiliary_columns: list[str] = []

    @property
    def module_name(self) -> str:
        """SQLite's name for this kind of table."""
        return "vec0"


def _isoformat(value: Any) -> str:
    text: str = value.isoformat()
    return text


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _float32_bytes(value: Any) -> bytes:
    import numpy as np

    return np.asarray(value, dtype="<f4").tobytes()


_TYPES: dict[Any, ColumnType] = {
    bool: ColumnType("INTEGER"),
    int: ColumnType("INTEGER"),
    float: ColumnType("REAL"),
    decimal.Decimal: ColumnType("TEXT", str),
    str: ColumnType("TEXT"),
    bytes: ColumnType("BLOB"),
    uuid.UUID: ColumnType("TEXT", str),
    datetime.date: ColumnType("TEXT", _isoformat),
    datetime.time: ColumnType("TEXT", _isoformat),
    datetime.datetime: ColumnType("TEXT", _isoformat),
    datetime.timedelta: ColumnType("REAL", datetime.timedelta.total_seconds),
}
_JSON = ColumnType("TEXT", _json)


class TableSchema(SchemaBase[RowT]):
    """Columns and primary key of a SQLite table."""

    override_type: ClassVar[type[tuple[Any, ...]]] = SqliteType
    database: ClassVar[str] = "SQLite"

    columns: dict[str, ColumnDef]

    @classmethod
    def column(cls, info: DataTypeInfo, vector: VectorSchema | None, given: Any) -> ColumnDef:
        """Return the column for an annotation; what SQLite has no type for becomes JSON."""
        if given is not None:
            kind = ColumnType(given.sqlite_type, given.encoder)
        elif info.base_type in _TYPES:
            kind = _TYPES[info.base_type]
        else:
            check_vector_use(info, vector)
            kind = _JSON if vector is None else ColumnType(f"float[{vector.size}]", _float32_bytes)
        return ColumnDef(kind.name.strip(), info.nullable, kind.encoder, vector is not None)
