"""Engine values as JSON values, for columns and payloads that hold JSON."""

from __future__ import annotations

import base64
import datetime
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from coco_flow.types.schema import (
    BasicValueType,
    FieldSchema,
    StructType,
    TableType,
    ValueType,
)

__all__ = ["JsonEncoder", "duration_text", "json_encoder", "json_text", "row_encoder"]

JsonEncoder: TypeAlias = Callable[[Any], Any]
"""Takes an engine value that is not None and returns a JSON value."""


def json_encoder(value_type: ValueType) -> JsonEncoder | None:
    """Return the encoder for a type, or None if its engine values are JSON values already."""
    if isinstance(value_type, StructType):
        return row_encoder(value_type.fields)
    if isinstance(value_type, TableType):
        row = row_encoder(value_type.row.fields)
        return lambda rows: [row(each) for each in rows]
    if value_type.kind == "Vector" and value_type.vector is not None:
        return _vector_encoder(value_type.vector.element_type)
    return _ENCODERS.get(value_type.kind)


def row_encoder(fields: Sequence[FieldSchema]) -> JsonEncoder:
    """Return a function from the list of a row's values to an object with a member for each."""
    parts = [(field.name, json_encoder(field.value_type.type)) for field in fields]

    def encode(row: Sequence[Any]) -> dict[str, Any]:
        return {
            name: value if encoder is None or value is None else encoder(value)
            for (name, encoder), value in zip(parts, row, strict=True)
        }

    return encode


def json_text(value: Any) -> str:
    """Return a JSON value as text; what JSON has no number for, as NaN, becomes null."""
    try:
        return _dumps(value)
    except ValueError:
        return _dumps(_without_nan(value))


def duration_text(value: datetime.timedelta) -> str:
    """Return a duration in the form of ISO 8601, in seconds: PT90S."""
    sign = "-" if value < datetime.timedelta(0) else ""
    size = abs(value)
    fraction = f".{size.microseconds:06d}".rstrip("0") if size.microseconds else ""
    return f"{sign}PT{size.days * 86_400 + size.seconds}{fraction}S"


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        # Only infinity and NaN differ from themselves by something else than 0.
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return value


def _vector_encoder(element: BasicValueType) -> JsonEncoder | None:
    encoder = json_encoder(element)

    def encode(vector: Any) -> list[Any]:
        # Vectors of numbers are arrays, and `tolist` makes Python numbers of all in one call.
        values = vector.tolist() if hasattr(vector, "tolist") else vector
        return list(values) if encoder is None else [encoder(each) for each in values]

    return encode


def _offset_date_time(value: datetime.datetime) -> str:
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _union(value: Any) -> Any:
    for cls, encoder in _BY_CLASS:
        if isinstance(value, cls):
            return encoder(value)
    if isinstance(value, tuple | list) or hasattr(value, "tolist"):
        values = value.tolist() if hasattr(value, "tolist") else value
        return [_union(each) for each in values]
    return value


_ENCODERS: dict[str, JsonEncoder] = {
    "Bytes": lambda value: base64.b64encode(value).decode("ascii"),
    "Range": list,
    "Uuid": str,
    "Date": datetime.date.isoformat,
    "Time": datetime.time.isoformat,
    "LocalDateTime": datetime.datetime.isoformat,
    "OffsetDateTime": _offset_date_time,
    "TimeDelta": duration_text,
    "Union": _union,
}

# A datetime is a date too, so it must come first.
_BY_CLASS: tuple[tuple[type, JsonEncoder], ...] = (
    (bytes, _ENCODERS["Bytes"]),
    (uuid.UUID, str),
    (datetime.datetime, _offset_date_time),
    (datetime.date, datetime.date.isoformat),
    (datetime.time, datetime.time.isoformat),
    (datetime.timedelta, duration_text),
)
