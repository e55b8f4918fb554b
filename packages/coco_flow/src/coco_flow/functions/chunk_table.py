"""The table that splitters return: a row for each chunk, keyed by its place in the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from coco_flow.text.chunks import Position
from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructSchema,
    StructType,
    TableType,
)

__all__ = ["chunk_rows", "chunk_table_type"]


def _field(name: str, kind: str) -> FieldSchema:
    return FieldSchema(name, EnrichedValueType(BasicValueType(kind)))


def _position_field(name: str) -> FieldSchema:
    fields = [_field(part, "Int64") for part in ("offset", "line", "column")]
    return FieldSchema(name, EnrichedValueType(StructType(fields)))


def chunk_table_type(*more: FieldSchema) -> EnrichedValueType:
    """Return the type of the table, with more fields at the end."""
    fields = [
        _field("location", "Range"),
        _field("text", "Str"),
        _position_field("start"),
        _position_field("end"),
        *more,
    ]
    return EnrichedValueType(TableType("KTable", StructSchema(fields), 1))


def chunk_rows(text: str, places: Iterable[tuple[Position, Position]]) -> list[Sequence[Any]]:
    """Return engine values of the rows, in the order of their keys.

    Args:
        text: the whole text.
        places: where each chunk starts and ends.
    """
    rows: dict[tuple[int, int], Sequence[Any]] = {}
    for (_, start, *start_line), (_, end, *end_line) in places:
        rows[start, end] = [
            (start, end),
            text[start:end],
            [start, *start_line],
            [end, *end_line],
        ]
    return [rows[key] for key in sorted(rows)]
