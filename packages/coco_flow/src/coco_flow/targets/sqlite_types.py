"""Types of SQLite for the engine's types, and values as SQLite stores them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from coco_flow.targets.json_value import json_encoder, json_text
from coco_flow.targets.table_state import vector_size
from coco_flow.types.schema import FieldSchema, ValueType

__all__ = ["Encoder", "column_type", "row_binder", "value_encoder", "vector_bytes"]

Encoder: TypeAlias = Callable[[Any], Any]
"""Takes an engine value that is not None and returns one that the driver takes."""

_COLUMN_TYPES = {
    "Bytes": "BLOB",
    "Bool": "INTEGER",
    "Int64": "INTEGER",
    "Float32": "REAL",
    "Float64": "REAL",
    "TimeDelta": "REAL",
}
"""Types that are not TEXT: durations are seconds, so that they can be added and compared."""


def column_type(field: FieldSchema) -> str:
    """Return the type of a field's column; vectors of a fixed size are float32 in a BLOB."""
    if vector_size(field.value_type.type) is not None:
        return "BLOB"
    return _COLUMN_TYPES.get(field.value_type.type.kind, "TEXT")


def value_encoder(value_type: ValueType) -> Encoder | None:
    """Return what makes a type's values fit, or None if the driver takes them as they are."""
    if vector_size(value_type) is not None:
        return vector_bytes
    if value_type.kind in _ENCODERS:
        return _ENCODERS[value_type.kind]
    to_json = json_encoder(value_type)
    if to_json is None:
        return json_text
    return lambda value: json_text(to_json(value))


def vector_bytes(value: Any) -> bytes:
    """Return a vector of numbers as float32, the lowest byte first."""
    if not hasattr(value, "astype"):
        import numpy as np

        value = np.asarray(value)
    return value.astype("<f4").tobytes()  # type: ignore[no-any-return]


def row_binder(fields: Sequence[FieldSchema]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return a function from a row of engine values to the parameters of a statement."""
    encoders = [value_encoder(field.value_type.type) for field in fields]
    if not any(encoders):
        return tuple

    def bind(row: Sequence[Any]) -> list[Any]:
        return [
            value if encoder is None or value is None else encoder(value)
            for encoder, value in zip(encoders, row, strict=True)
        ]

    return bind


def _utc_text(value: datetime.datetime) -> str:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
    # One zone and one length, so that the texts sort as the moments do.
    return aware.astimezone(datetime.UTC).isoformat(timespec="microseconds")


def _local_text(value: datetime.datetime) -> str:
    return value.isoformat(timespec="microseconds")


_ENCODERS: dict[str, Encoder | None] = {
    "Str": None,
    "Bytes": None,
    "Int64": None,
    "Bool": None,
    "Float32": None,
    "Float64": None,
    "Uuid": str,
    "Date": datetime.date.isoformat,
    "Time": lambda value: value.isoformat(timespec="microseconds"),
    "LocalDateTime": _local_text,
    "OffsetDateTime": _utc_text,
    "TimeDelta": datetime.timedelta.total_seconds,
    "Range": lambda value: f"[{value[0]},{value[1]}]",
}
