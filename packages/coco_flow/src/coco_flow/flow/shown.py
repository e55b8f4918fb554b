"""Engine values as JSON for people and tools: structs and rows as objects with field names."""

from __future__ import annotations

import base64
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructType,
    TableType,
)

__all__ = ["shown_row", "shown_value"]


def shown_row(fields: Sequence[FieldSchema], values: Sequence[Any]) -> dict[str, Any]:
    """Return the values of fields by name."""
    return {
        field.name: shown_value(field.value_type, value)
        for field, value in zip(fields, values, strict=False)
    }


def shown_value(value_type: EnrichedValueType, value: Any) -> Any:
    """Return a value as JSON; bytes become an object with base64."""
    if value is None:
        return None
    kind = value_type.type
    if isinstance(kind, StructType):
        return shown_row(kind.fields, value)
    if isinstance(kind, TableType):
        return [shown_row(kind.row.fields, row) for row in value]
    return _basic(kind, value)


def _basic(kind: BasicValueType, value: Any) -> Any:
    if isinstance(value, bytes):
        return {"@type": "bytes", "value": base64.b64encode(value).decode()}
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if kind.kind == "Vector" and kind.vector is not None:
        elements = value.tolist() if hasattr(value, "tolist") else list(value)
        inner = kind.vector.element_type
        if inner.kind in ("Int64", "Float32", "Float64"):
            return elements
        return [_basic(inner, element) for element in elements]
    if isinstance(value, tuple):
        return list(value)
    return value
