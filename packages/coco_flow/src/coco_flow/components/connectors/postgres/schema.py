"""Columns of PostgreSQL tables, and how values go to asyncpg."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import json
import uuid
from typing import Any, ClassVar, NamedTuple

import numpy as np

from coco_flow.components.connectorkits.table_schema import (
    ColumnType,
    RowT,
    SchemaBase,
    ValueEncoder,
    check_vector_use,
)
from coco_flow.components.datatype import DataTypeInfo
from coco_flow.components.schema import VectorSchema

__all__ = ["ColumnDef", "PgType", "TableSchema", "op_class", "pgvector_base", "without_nul"]


class PgType(NamedTuple):
    """The type of a column, as an annotation: `Annotated[int, PgType("integer")]`."""

    pg_type: str
    encoder: ValueEncoder | None = None


class ColumnDef(NamedTuple):
    """A column."""

    type: str
    nullable: bool = True
    encoder: ValueEncoder | None = None


def without_nul(value: Any) -> Any:
    """Return a value without NUL characters, which neither text nor jsonb can hold."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {without_nul(key): without_nul(each) for key, each in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(without_nul(each) for each in value)
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    return value


def _json(value: Any) -> str:
    # What JSON has no type for is turned into text in the middle of the work.
    return json.dumps(without_nul(value), default=lambda each: without_nul(str(each)))


def _vector(value: Any) -> str:
    # repr of a float32's own value is shorter than that of the float64 nearest to it.
    return "[" + ",".join(str(each) for each in np.asarray(value)) + "]"


_TYPES: dict[Any, ColumnType] = {
    bool: ColumnType("boolean"),
    int: ColumnType("bigint"),
    float: ColumnType("double precision"),
    decimal.Decimal: ColumnType("numeric"),
    np.int8: ColumnType("smallint"),
    np.int16: ColumnType("smallint"),
    np.int32: ColumnType("integer"),
    np.int64: ColumnType("bigint"),
    # PostgreSQL has no unsigned integers, so each has the next larger type.
    np.uint8: ColumnType("smallint"),
    np.uint16: ColumnType("integer"),
    np.uint32: ColumnType("bigint"),
    np.uint64: ColumnType("numeric"),
    np.float16: ColumnType("real"),
    np.float32: ColumnType("real"),
    np.float64: ColumnType("double precision"),
    str: ColumnType("text"),
    bytes: ColumnType("bytea"),
    uuid.UUID: ColumnType("uuid"),
    datetime.date: ColumnType("date"),
    datetime.time: ColumnType("time with time zone"),
    datetime.datetime: ColumnType("timestamp with time zone"),
    datetime.timedelta: ColumnType("interval"),
    ipaddress.IPv4Network: ColumnType("cidr"),
    ipaddress.IPv6Network: ColumnType("cidr"),
    ipaddress.IPv4Address: ColumnType("inet"),
    ipaddress.IPv6Address: ColumnType("inet"),
    ipaddress.IPv4Interface: ColumnType("inet"),
    ipaddress.IPv6Interface: ColumnType("inet"),
}
_JSON = ColumnType("jsonb", _json)


class TableSchema(SchemaBase[RowT]):
    """Columns and primary key of a PostgreSQL table."""

    override_type: ClassVar[type[tuple[Any, ...]]] = PgType
    database: ClassVar[str] = "PostgreSQL"

    columns: dict[str, ColumnDef]

    @classmethod
    def column(cls, info: DataTypeInfo, vector: VectorSchema | None, given: Any) -> ColumnDef:
        """Return the column for an annotation; what PostgreSQL has no type for becomes jsonb."""
        if given is not None:
            kind = ColumnType(given.pg_type, given.encoder)
        elif info.base_type in _TYPES:
            kind = _TYPES[info.base_type]
        else:
            check_vector_use(info, vector)
            kind = _JSON if vector is None else _vector_type(vector)
        return ColumnDef(kind.name.strip(), info.nullable, kind.encoder)

    def encode_row(self, row: Any) -> dict[str, Any]:
        """Return the encoded values by column, without NUL characters."""
        return {name: without_nul(value) for name, value in super().encode_row(row).items()}

    def uses_pgvector(self) -> bool:
        """Say whether a column needs the extension."""
        return any(pgvector_base(column.type) is not None for column in self.columns.values())


def _vector_type(vector: VectorSchema) -> ColumnType:
    base = "halfvec" if vector.dtype == np.dtype(np.float16) else "vector"
    return ColumnType(f"{base}({vector.size})", _vector)


def pgvector_base(pg_type: str) -> str | None:
    """Return which of pgvector's types a column has: vector, halfvec or None."""
    base = pg_type.lower().partition("(")[0].strip()
    return base if base in {"vector", "halfvec"} else None


def op_class(column: str, pg_type: str, metric: str) -> str:
    """Return the operator class for an index on a column."""
    base = pgvector_base(pg_type)
    if base is None:
        raise ValueError(
            f"Column '{column}' has PostgreSQL type '{pg_type}', which is not a pgvector type."
        )
    if metric not in {"cosine", "l2", "ip"}:
        raise ValueError(f"Unsupported pgvector metric '{metric}'; use cosine, l2 or ip.")
    return f"{base}_{metric}_ops"
