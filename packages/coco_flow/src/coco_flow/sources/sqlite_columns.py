"""Columns of SQLite as fields: declared types, and engine values of what is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias
from uuid import UUID

from coco_flow.sources.file_content import basic_field
from coco_flow.types.schema import FieldSchema

__all__ = ["Column", "column", "key_column", "orders", "ordinal_of"]

Convert: TypeAlias = Callable[[Any], Any]

# The first word that a declared type contains decides, as in SQLite's type affinity.
_KINDS = (
    ("BOOL", "Bool"),
    ("DATETIME", "LocalDateTime"),
    ("TIMESTAMP", "LocalDateTime"),
    ("DATE", "Date"),
    ("TIME", "Time"),
    ("JSON", "Json"),
    ("UUID", "Uuid"),
    ("INT", "Int64"),
    ("CHAR", "Str"),
    ("CLOB", "Str"),
    ("TEXT", "Str"),
    ("BLOB", "Bytes"),
    ("REAL", "Float64"),
    ("FLOA", "Float64"),
    ("DOUB", "Float64"),
    ("NUMERIC", "Float64"),
    ("DECIMAL", "Float64"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read."""

    field: FieldSchema
    convert: Convert


def column(name: str, declared: str, *, nullable: bool) -> Column:
    """Describe a column; one without a declared type (any value may be in it) is JSON."""
    upper = declared.upper()
    if not upper:
        return Column(basic_field(name, "Json", nullable=nullable), _only(int, float, str))
    kind = next((kind for word, kind in _KINDS if word in upper), "Str")
    return Column(basic_field(name, kind, nullable=nullable), _CONVERSIONS[kind])


def key_column(name: str, declared: str) -> Column:
    """Describe a column of the key, which is read as it is stored: rows are looked up by it."""
    kind = str(column(name, declared, nullable=False).field.value_type.type)
    kept = kind if kind in ("Bool", "Bytes", "Float64", "Int64") else "Str"
    return Column(basic_field(name, kept), _CONVERSIONS[kept])


def orders(found: Column) -> bool:
    """Say whether a column's values can be ordinals."""
    return str(found.field.value_type.type) in ("Int64", "LocalDateTime", "Date")


def ordinal_of(value: Any) -> int | None:
    """Return the place in an order of a whole number or a time (in microseconds)."""
    if value is None or isinstance(value, int):
        return value
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return round(moment.replace(tzinfo=UTC).timestamp() * 1_000_000)


def _only(*types: type) -> Convert:
    def check(value: Any) -> Any:
        if not isinstance(value, types):
            raise ValueError(f"{value!r} is stored as {type(value).__name__}")
        return value

    return check


def _to_bool(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError(f"{value!r} is neither 0 nor 1")
    return bool(value)


def _to_float(value: Any) -> float:
    return float(_only(int, float)(value))


def _to_datetime(value: Any) -> datetime:
    """Read ISO 8601 or seconds since 1970; without a zone unchanged, with one in UTC."""
    if isinstance(value, int | float) and math.isfinite(value):
        return datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
    moment = datetime.fromisoformat(_only(str)(value))
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _to_json(value: Any) -> Any:
    return json.loads(_only(str)(value))


def _to_uuid(value: Any) -> UUID:
    return UUID(bytes=value) if isinstance(value, bytes) else UUID(_only(str)(value))


_CONVERSIONS: dict[str, Convert] = {
    "Bool": _to_bool,
    "Bytes": _only(bytes),
    "Date": lambda value: date.fromisoformat(_only(str)(value)),
    "Float64": _to_float,
    "Int64": _only(int),
    "Json": _to_json,
    "LocalDateTime": _to_datetime,
    "Str": _only(str),
    "Time": lambda value: time.fromisoformat(_only(str)(value)),
    "Uuid": _to_uuid,
}
