"""Set-up state that targets with tables share: columns, indexes, and comparison of states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from coco_flow.errors import DefinitionError
from coco_flow.index import FtsIndexDef, VectorIndexDef
from coco_flow.ports import Compatibility, ExportSchema, Key, Row, TargetBatch
from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructType,
    TableType,
    ValueType,
    decode_value_type,
)

__all__ = [
    "columns",
    "compare_columns",
    "default_table_name",
    "fields_of_state",
    "final_rows",
    "fts_fields",
    "method_state",
    "plain_type",
    "possible_states",
    "vector_fields",
    "vector_size",
]

_NUMBERS = frozenset({"Float32", "Float64", "Int64"})


def default_table_name(target_name: str, flow_name: str, namespace: str) -> str:
    """Return the name of a table whose spec names none: [namespace__]flow__target."""
    parts = [namespace, flow_name, target_name] if namespace else [flow_name, target_name]
    return "__".join(
        "".join(c if c.isalnum() or c == "_" else "__" for c in part) for part in parts
    )


def vector_size(value_type: ValueType) -> int | None:
    """Return the dimension of a vector of numbers with a fixed one, None for every other type."""
    if not isinstance(value_type, BasicValueType) or value_type.vector is None:
        return None
    vector = value_type.vector
    return vector.dimension if vector.element_type.kind in _NUMBERS else None


def columns(
    fields: Iterable[FieldSchema], type_of: Callable[[FieldSchema], Any]
) -> list[list[Any]]:
    """Return the columns for set-up state: the name and the target's type of each, as JSON."""
    return [[field.name, type_of(field)] for field in fields]


def plain_type(value_type: ValueType) -> dict[str, Any]:
    """Return a type as JSON, without what changes no stored value: descriptions and the like."""
    if isinstance(value_type, StructType):
        return {"kind": "Struct", "fields": _plain_fields(value_type.fields)}
    if isinstance(value_type, TableType):
        # How many fields are the key makes no difference to the rows as they are stored.
        return {"kind": "LTable", "row": {"fields": _plain_fields(value_type.row.fields)}}
    return value_type.encode()


def fields_of_state(columns: Iterable[tuple[str, Mapping[str, Any]]]) -> list[FieldSchema]:
    """Return the fields of columns whose types are `plain_type`'s."""
    return [
        FieldSchema(name, EnrichedValueType(decode_value_type(type_))) for name, type_ in columns
    ]


def _plain_fields(fields: Iterable[FieldSchema]) -> list[dict[str, Any]]:
    return [{"name": field.name, "type": plain_type(field.value_type.type)} for field in fields]


def compare_columns(desired: Mapping[str, Any], existing: Mapping[str, Any]) -> Compatibility:
    """Compare two states by their ``key`` and ``value`` columns.

    A new column is added to the data and a removed one leaves the others as they are; only a
    changed type loses a column's values, and only a changed key loses everything.
    """
    if desired["key"] != existing["key"]:
        return Compatibility.NOT_COMPATIBLE
    wanted = dict(desired["value"])
    if any(wanted.get(name, type_) != type_ for name, type_ in existing["value"]):
        return Compatibility.PARTIALLY_COMPATIBLE
    return Compatibility.COMPATIBLE


def possible_states(previous: Iterable[Any | None]) -> list[Any]:
    """Return the states that may exist, without "it may not exist"."""
    return [state for state in previous if state is not None]


def vector_fields(schema: ExportSchema, target: str) -> list[tuple[VectorIndexDef, int]]:
    """Return each vector index with the dimension of its field.

    Raises:
        DefinitionError: A field is missing, is no vector of numbers of a fixed size, or has two.
    """
    found = []
    for index in schema.index.vector_indexes:
        field = _indexed_field(schema, index.field_name, f"vector index of {target}")
        size = vector_size(field.value_type.type)
        if size is None:
            raise DefinitionError(
                f"The vector index of {target} is on the field {field.name!r} of type "
                f"{field.value_type.type}, which is no vector of numbers with a fixed dimension.",
                hint="Annotate the result as Vector[np.float32, Literal[384]] or the like.",
            )
        found.append((index, size))
    return found


def fts_fields(schema: ExportSchema, target: str) -> list[FtsIndexDef]:
    """Return the full-text indexes.

    Raises:
        DefinitionError: A field is missing or is no text.
    """
    for index in schema.index.fts_indexes:
        field = _indexed_field(schema, index.field_name, f"full-text index of {target}")
        if field.value_type.type.kind != "Str":
            raise DefinitionError(
                f"The full-text index of {target} is on the field {field.name!r} of type "
                f"{field.value_type.type}, which is no text.",
                hint="Index a field of type str.",
            )
    return list(schema.index.fts_indexes)


def method_state(index: VectorIndexDef) -> dict[str, Any] | None:
    """Return an index's method and the parameters that are set, as JSON; None for the default."""
    if index.method is None:
        return None
    return {name: value for name, value in vars(index.method).items() if value is not None}


def final_rows(batch: TargetBatch) -> tuple[Sequence[tuple[Key, Row]], Sequence[Key]]:
    """Return what a batch comes to: one row a key, the last one, and no row that is deleted after.

    Most stores refuse a statement that touches a row twice.
    """
    last = dict(batch.upserts)
    deletes = dict.fromkeys(batch.deletes)
    if not deletes and len(last) == len(batch.upserts):
        return batch.upserts, batch.deletes
    for key in deletes:
        last.pop(key, None)
    return list(last.items()), list(deletes)


def _indexed_field(schema: ExportSchema, name: str, what: str) -> FieldSchema:
    fields = {field.name: field for field in (*schema.key, *schema.value)}
    if name not in fields:
        raise DefinitionError(
            f"The {what} names the field {name!r}, which is not exported.",
            hint=f"The fields are {', '.join(fields)}.",
        )
    return fields[name]
