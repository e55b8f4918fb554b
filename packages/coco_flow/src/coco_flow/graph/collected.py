"""The row type of a collector: the union of the fields of its `collect` calls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from coco_flow.errors import DefinitionError
from coco_flow.graph.model import Collect, Collector
from coco_flow.types.schema import BasicValueType, EnrichedValueType, FieldSchema

__all__ = ["merge_collected_fields"]


def merge_collected_fields(collector: Collector, row: Collect, order: Sequence[str]) -> None:
    """Widen the collector's fields by those of one more `collect` call.

    A field that some calls lack becomes nullable. Fields in common must have one type and come in
    one relative order.

    Raises:
        DefinitionError: Types, order or the generated UUID differ between calls.
    """
    types = {name: ref.type for name, ref in row.fields}
    if row.uuid_field is not None:
        types[row.uuid_field] = EnrichedValueType(BasicValueType(kind="Uuid"))
    first = not collector.collects
    if first:
        collector.fields = [FieldSchema(name, types[name]) for name in order]
        collector.uuid_field = row.uuid_field
        return
    if row.uuid_field != collector.uuid_field:
        raise DefinitionError(
            f"The generated UUID must be the same field in every row of {collector.name!r}, "
            f"got {collector.uuid_field!r} and {row.uuid_field!r}."
        )
    known = {field.name: field for field in collector.fields}
    _check_order(collector, [name for name in order if name in known])
    merged = [_merged(collector, field, types.get(field.name)) for field in collector.fields]
    position = 0
    for name in order:
        if name in known:
            position = next(i for i, field in enumerate(merged) if field.name == name) + 1
        else:
            merged.insert(position, FieldSchema(name, _nullable(types[name])))
            position += 1
    collector.fields = merged


def _check_order(collector: Collector, common: list[str]) -> None:
    positions = {field.name: number for number, field in enumerate(collector.fields)}
    for before, after in pairwise(common):
        if positions[before] > positions[after]:
            raise DefinitionError(
                "Common fields are expected to have consistent order across different `collect()` "
                f"calls, but {collector.name!r} has different orders for {before!r} and {after!r}."
            )


def _merged(
    collector: Collector, field: FieldSchema, other: EnrichedValueType | None
) -> FieldSchema:
    if other is None:
        return FieldSchema(field.name, _nullable(field.value_type), field.description)
    if other.type != field.value_type.type:
        raise DefinitionError(
            f"Value types are not compatible: field {field.name!r} of {collector.name!r} is "
            f"{field.value_type.type} in one `collect()` call and {other.type} in another."
        )
    return _nullable_field(field) if other.nullable else field


def _nullable_field(field: FieldSchema) -> FieldSchema:
    return FieldSchema(field.name, _nullable(field.value_type), field.description)


def _nullable(value_type: EnrichedValueType) -> EnrichedValueType:
    return EnrichedValueType(value_type.type, True, value_type.attrs)
