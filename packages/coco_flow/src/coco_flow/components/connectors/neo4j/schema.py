"""Properties of Neo4j nodes and relationships."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from coco_flow.components.connectorkits.graph.schema import GraphSchema, vector_list
from coco_flow.components.connectorkits.table_schema import ColumnType, RowT, ValueEncoder
from coco_flow.components.schema import VectorSchema

__all__ = ["Neo4jType", "TableSchema"]


class Neo4jType(NamedTuple):
    """The type of a property, as an annotation: `Annotated[float, Neo4jType("STRING", str)]`."""

    neo4j_type: str
    encoder: ValueEncoder | None = None


_INTEGERS = (
    np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
)  # fmt: skip
_FLOATS = (np.float16, np.float32, np.float64)


class TableSchema(GraphSchema[RowT]):
    """Properties of a node label or relationship type in Neo4j."""

    override_type: ClassVar[type[tuple[Any, ...]]] = Neo4jType
    database: ClassVar[str] = "Neo4j"
    list_type: ClassVar[str] = "LIST<ANY>"
    text_type: ClassVar[str] = "STRING"
    scalars: ClassVar[Mapping[Any, ColumnType]] = {
        bool: ColumnType("BOOLEAN"),
        int: ColumnType("INTEGER"),
        **dict.fromkeys(_INTEGERS, ColumnType("INTEGER", int)),
        float: ColumnType("FLOAT"),
        **dict.fromkeys(_FLOATS, ColumnType("FLOAT", float)),
        decimal.Decimal: ColumnType("STRING", str),
        str: ColumnType("STRING"),
        bytes: ColumnType("BYTES"),
        uuid.UUID: ColumnType("STRING", str),
        datetime.date: ColumnType("DATE"),
        datetime.time: ColumnType("LOCAL_TIME"),
        datetime.datetime: ColumnType("ZONED_DATETIME"),
        datetime.timedelta: ColumnType("DURATION"),
    }

    @classmethod
    def vector(cls, vector: VectorSchema) -> ColumnType:  # noqa: ARG003 - the index knows its size
        """Return the type of a vector."""
        return ColumnType("LIST<FLOAT>", vector_list)
