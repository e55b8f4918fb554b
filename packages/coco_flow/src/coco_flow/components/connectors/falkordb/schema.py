"""Properties of FalkorDB nodes and relationships."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from coco_flow.components.connectorkits.graph.schema import GraphSchema, vector_list
from coco_flow.components.connectorkits.table_schema import ColumnType, RowT, ValueEncoder
from coco_flow.components.schema import VectorSchema

__all__ = ["FalkorType", "TableSchema"]


class FalkorType(NamedTuple):
    """The type of a property, as an annotation: `Annotated[float, FalkorType("string", str)]`."""

    falkor_type: str
    encoder: ValueEncoder | None = None


def _text(value: str) -> str:
    # Parameters are part of the query's text, which ends at a NUL.
    return value.replace("\0", "")


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"FalkorDB cannot hold the number {number!r}; use None instead.")
    return number


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _isoformat(value: Any) -> str:
    text: str = value.isoformat()
    return text


def _milliseconds(value: datetime.timedelta) -> int:
    return value // datetime.timedelta(milliseconds=1)


_INTEGERS = (
    np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
)  # fmt: skip
_FLOATS = (float, np.float16, np.float32, np.float64)


class TableSchema(GraphSchema[RowT]):
    """Properties of a node label or relationship type in FalkorDB."""

    override_type: ClassVar[type[tuple[Any, ...]]] = FalkorType
    database: ClassVar[str] = "FalkorDB"
    list_type: ClassVar[str] = "array"
    text_type: ClassVar[str] = "string"
    scalars: ClassVar[Mapping[Any, ColumnType]] = {
        bool: ColumnType("boolean"),
        int: ColumnType("integer"),
        **dict.fromkeys(_INTEGERS, ColumnType("integer", int)),
        **dict.fromkeys(_FLOATS, ColumnType("float", _number)),
        decimal.Decimal: ColumnType("string", str),
        str: ColumnType("string", _text),
        bytes: ColumnType("string", _base64),
        uuid.UUID: ColumnType("string", str),
        datetime.date: ColumnType("string", _isoformat),
        datetime.time: ColumnType("string", _isoformat),
        datetime.datetime: ColumnType("string", _isoformat),
        datetime.timedelta: ColumnType("integer", _milliseconds),
    }

    @classmethod
    def vector(cls, vector: VectorSchema) -> ColumnType:
        """Return the type of a vector."""
        return ColumnType(f"vector<float32, {vector.size}>", vector_list)
