"""Tables whose rows got more fields: their type and value for later operations."""

from __future__ import annotations

from coco_flow.graph.model import FieldRef, ForEach, Scope
from coco_flow.types.schema import (
    EnrichedValueType,
    FieldSchema,
    StructSchema,
    StructType,
    TableType,
)

__all__ = ["extended", "visible_fields"]


def extended(ref: FieldRef) -> FieldRef:
    """Return `ref` with the fields that loops have added to the rows of tables in it.

    The loops in question will put their rows back into the table, which costs a copy; so this is
    only asked for values that are used after a loop.
    """
    value_type = ref.type
    for operation in ref.scope.operations:
        if not isinstance(operation, ForEach):
            continue
        table = operation.table
        if table.slot == ref.slot and table.path[: len(ref.path)] == ref.path:
            fields = visible_fields(operation.scope)
            operation.write_back = True
            value_type = _replaced(value_type, table.path[len(ref.path) :], fields)
    if value_type is ref.type:
        return ref
    return FieldRef(ref.scope, ref.slot, value_type, ref.names, ref.path)


def visible_fields(scope: Scope) -> list[FieldSchema]:
    """Return the fields of a scope that have a name of the user's, in slot order."""
    fields = sorted(scope.fields.values(), key=lambda field: field.slot)
    return [
        FieldSchema(
            field.name, extended(FieldRef(scope, field.slot, field.type, (field.name,))).type
        )
        for field in fields
        if not field.name.startswith("_") or field.slot <= scope.key_parts
    ]


def _replaced(
    value_type: EnrichedValueType, path: tuple[int, ...], fields: list[FieldSchema]
) -> EnrichedValueType:
    kind = value_type.type
    if not path:
        assert isinstance(kind, TableType)
        table = TableType(kind.kind, StructSchema(fields), kind.num_key_parts)
        return EnrichedValueType(table, value_type.nullable, value_type.attrs)
    assert isinstance(kind, StructType)
    members = list(kind.fields)
    member = members[path[0]]
    inner = _replaced(member.value_type, path[1:], fields)
    members[path[0]] = FieldSchema(member.name, inner, member.description)
    return EnrichedValueType(
        StructType(members, kind.description), value_type.nullable, value_type.attrs
    )
