"""Columns of PostgreSQL as fields: types, SQL to select them, and conversions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, TypeAlias

from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    VectorTypeSchema,
)

__all__ = ["Column", "Convert", "column", "row_converter"]

Convert: TypeAlias = Callable[[Any], Any]
"""Makes an engine value of what psycopg gives; raises ValueError where there is none."""

_KINDS = {
    "bool": "Bool",
    "bpchar": "Str",
    "bytea": "Bytes",
    "date": "Date",
    "float4": "Float32",
    "float8": "Float64",
    "int2": "Int64",
    "int4": "Int64",
    "int8": "Int64",
    "int4range": "Range",
    "int8range": "Range",
    "interval": "TimeDelta",
    "json": "Json",
    "jsonb": "Json",
    "numeric": "Float64",
    "oid": "Int64",
    "text": "Str",
    "time": "Time",
    "timestamp": "LocalDateTime",
    "timestamptz": "OffsetDateTime",
    "uuid": "Uuid",
    "varchar": "Str",
}

# Types of pgvector, which have a plain array as their other form.
_VECTORS = {"halfvec", "vector"}

_NUMBERS = {"Int64": "int64", "Float32": "float32", "Float64": "float64"}

# Of these kinds a column gives an order: numbers as they are, times as microseconds.
_ORDINALS = {
    "Int64": "{0}::int8",
    "Date": "CASE WHEN isfinite({0}) THEN (extract(epoch FROM {0}) * 1000000)::int8 END",
    "LocalDateTime": "CASE WHEN isfinite({0}) THEN (extract(epoch FROM {0}) * 1000000)::int8 END",
    "OffsetDateTime": "CASE WHEN isfinite({0}) THEN (extract(epoch FROM {0}) * 1000000)::int8 END",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read.

    Attributes:
        field: Its name and type in the flow.
        select: The SQL that gives its value, the column's name quoted.
        type_name: The SQL type of that value, for casts.
        convert: What is done to the value, if anything.
        ordinal: The SQL that gives its place in an order, or None if it has none.
    """

    field: FieldSchema
    select: str
    type_name: str
    convert: Convert | None
    ordinal: str | None


def column(
    name: str, quoted: str, *, type_name: str, nullable: bool, dimension: int | None
) -> Column:
    """Describe a column of a type of `pg_type`; a leading underscore is an array of the rest.

    A type without a counterpart is read as its text.
    """
    kind = _KINDS.get(type_name)
    if type_name in _VECTORS:
        element, select, sql_type = "Float32", f"{quoted}::real[]", "real[]"
    elif type_name.startswith("_") and _KINDS.get(type_name[1:]) not in (None, "Json", "Range"):
        element, dimension = _KINDS[type_name[1:]], None
        sql_type = "float8[]" if type_name == "_numeric" else f"{type_name[1:]}[]"
        select = f"{quoted}::float8[]" if type_name == "_numeric" else quoted
    else:
        element = None
        sql_type = {None: "text", "numeric": "float8"}.get(kind and type_name, type_name)
        select = quoted if sql_type == type_name else f"{quoted}::{sql_type}"
    if element is not None:
        vector = VectorTypeSchema(BasicValueType(element), dimension)
        value_type = BasicValueType("Vector", vector=vector)
        convert: Convert | None = _vector_of(_NUMBERS.get(element), _CONVERSIONS.get(element))
    else:
        value_type = BasicValueType(kind or "Str")
        convert = _CONVERSIONS.get(value_type.kind)
    field = FieldSchema(name, EnrichedValueType(value_type, nullable=nullable))
    order = _ORDINALS.get(value_type.kind)
    return Column(field, select, sql_type, convert, order and order.format(quoted))


def row_converter(columns: Sequence[Column]) -> Callable[[Sequence[Any]], list[Any]]:
    """Return what makes engine values of the values that psycopg gives for the columns."""
    changed = [(place, c.convert) for place, c in enumerate(columns) if c.convert is not None]
    if not changed:
        return list

    def convert(values: Sequence[Any]) -> list[Any]:
        row = list(values)
        for place, to_engine in changed:
            if row[place] is not None:
                row[place] = to_engine(row[place])
        return row

    return convert


def _vector_of(dtype: str | None, convert: Convert | None) -> Convert:
    def to_vector(values: Sequence[Any]) -> Any:
        if any(isinstance(value, list) for value in values):
            raise ValueError("the array has more than one dimension")
        if None in values:
            raise ValueError("the array has an element that is NULL")
        if dtype is None:
            return list(values) if convert is None else [convert(value) for value in values]
        import numpy as np

        return np.asarray(values, dtype=dtype)

    return to_vector


def _to_range(value: Any) -> tuple[int, int]:
    if value.isempty or value.lower is None or value.upper is None:
        raise ValueError(f"the range {value} has no start or no end")
    return (value.lower, value.upper)


def _to_utc(value: Any) -> Any:
    # The session's time zone must not change the value of a moment.
    return value.astimezone(UTC)


_CONVERSIONS: dict[str, Convert] = {"Range": _to_range, "OffsetDateTime": _to_utc}
