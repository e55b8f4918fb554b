"""Decoders: from the values of the engine to those that user code declared, chosen once."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from coco_flow.errors import DefinitionError
from coco_flow.types.analysis import (
    ANY_TYPE_INFO,
    MISSING,
    AnyType,
    BasicType,
    DataTypeInfo,
    MappingType,
    OtherType,
    SequenceType,
    StructFieldInfo,
    UnionType,
    analyze_type_info,
    is_numpy_number_type,
)
from coco_flow.types.analysis import (
    StructType as StructVariant,
)
from coco_flow.types.mismatch import Path, format_path, mismatch
from coco_flow.types.scalars import IDENTITY
from coco_flow.types.schema import (
    BasicValueType,
    FieldSchema,
    StructType,
    TableType,
    ValueType,
    VectorTypeSchema,
)
from coco_flow.types.variants import make_variant_finder

__all__ = [
    "IDENTITY",
    "auto_default",
    "make_engine_key_decoder",
    "make_engine_struct_decoder",
    "make_engine_value_decoder",
]

Decoder: TypeAlias = Callable[[Any], Any]

# A value of the first kind may go where the second is declared.
_CONVERTIBLE_KINDS = {("Float32", "Float64"), ("LocalDateTime", "OffsetDateTime")}

_NUMBER_KINDS = ("Int64", "Float32", "Float64")


def auto_default(type_info: DataTypeInfo) -> Callable[[], Any] | None:
    """Return what makes the value of an absent field: None, [] or {}; None if nothing is safe."""
    if type_info.nullable:
        return lambda: None
    if isinstance(type_info.variant, SequenceType):
        return list
    if isinstance(type_info.variant, MappingType):
        return dict
    return None


def make_engine_key_decoder(
    field_path: Path, key_fields_schema: Sequence[FieldSchema], dst_type_info: DataTypeInfo
) -> Decoder:
    """Return the decoder from the parts of a key; a single part of a basic type is itself the key.

    Raises:
        DefinitionError: The declared type does not fit the key.
    """
    basic = isinstance(dst_type_info.variant, BasicType | UnionType | AnyType)
    if len(key_fields_schema) == 1 and basic:
        decode_part = make_engine_value_decoder(
            field_path, key_fields_schema[0].value_type.type, dst_type_info, for_key=True
        )
        if decode_part is IDENTITY:
            return lambda parts: parts[0]
        return lambda parts: decode_part(parts[0])
    return make_engine_struct_decoder(field_path, key_fields_schema, dst_type_info, for_key=True)


def make_engine_value_decoder(
    field_path: Path, src_type: ValueType, dst_type_info: DataTypeInfo, for_key: bool = False
) -> Decoder:
    """Return the decoder from a type of the engine to an analyzed annotation.

    Args:
        field_path: Where the value stands, for errors.
        src_type: The engine's type.
        dst_type_info: The analyzed annotation.
        for_key: Decode structs without declared type to tuples, which can be hashed.

    Raises:
        DefinitionError: Values of the engine's type cannot become the declared type.
    """
    path = tuple(field_path)
    if isinstance(dst_type_info.variant, OtherType):
        raise _does_not_fit(path, dst_type_info, "an unsupported type")
    if isinstance(src_type, StructType):
        return make_engine_struct_decoder(path, src_type.fields, dst_type_info, for_key=for_key)
    if isinstance(src_type, TableType):
        if src_type.kind == "LTable":
            return _table_decoder(path, src_type, dst_type_info)
        return _keyed_table_decoder(path, src_type, dst_type_info)
    if isinstance(dst_type_info.variant, AnyType):
        return IDENTITY
    if src_type.union is not None:
        return _union_decoder(path, src_type, dst_type_info)
    if src_type.vector is not None:
        return _vector_decoder(path, src_type.vector, dst_type_info)
    return _scalar_decoder(path, src_type, dst_type_info)


def make_engine_struct_decoder(
    field_path: Path,
    src_fields: Sequence[FieldSchema],
    dst_type_info: DataTypeInfo,
    for_key: bool = False,
) -> Decoder:
    """Return the decoder from the values of several fields, matched by name.

    Fields that the declared type does not have are ignored; ones that the engine does not have
    take their default.

    Raises:
        DefinitionError: The declared type is no struct, or a field of it is missing or differs.
    """
    path = tuple(field_path)
    variant = dst_type_info.variant
    if isinstance(variant, AnyType):
        return _tuple_decoder(path, src_fields) if for_key else _dict_decoder(path, src_fields, Any)
    if isinstance(variant, MappingType):
        key = analyze_type_info(variant.key_type)
        if isinstance(key.variant, AnyType) or key.core_type is str:
            return _dict_decoder(path, src_fields, variant.value_type)
    if not isinstance(variant, StructVariant):
        raise _does_not_fit(
            path,
            dst_type_info,
            "a dataclass, NamedTuple, Pydantic model or dict[str, Any] expected",
        )
    return _class_decoder(path, src_fields, variant, for_key)


def _does_not_fit(path: Path, declared: DataTypeInfo, why: str) -> DefinitionError:
    return DefinitionError(
        f"Type mismatch for `{format_path(path)}`: declared `{declared.core_type!r}`, {why}.",
        hint="Change the annotation, or what is passed.",
    )


def _scalar_decoder(path: Path, src_type: BasicValueType, declared: DataTypeInfo) -> Decoder:
    variants = [declared]
    if isinstance(declared.variant, UnionType):
        variants = [analyze_type_info(t) for t in declared.variant.variant_types]
    for info in variants:
        kind = info.variant.kind if isinstance(info.variant, BasicType) else None
        if kind == src_type.kind or (src_type.kind, kind) in _CONVERTIBLE_KINDS:
            break
        if src_type.kind == "Json" and isinstance(info.variant, SequenceType | MappingType):
            break
    else:
        raise _does_not_fit(path, declared, f"passed in {src_type.kind}")
    if src_type.kind not in _NUMBER_KINDS:
        return IDENTITY
    convert = info.core_type
    # Numbers of the engine are Python's own: only numpy's types need a conversion.
    converts = is_numpy_number_type(convert)
    nullable = declared.nullable

    def decode(value: Any) -> Any:
        if value is None:
            if nullable:
                return None
            raise mismatch(path, "Received null for non-nullable scalar", value)
        return convert(value) if converts else value

    return IDENTITY if nullable and not converts else decode


def _union_decoder(path: Path, src_type: BasicValueType, declared: DataTypeInfo) -> Decoder:
    source = src_type.union.variants if src_type.union is not None else []
    targets = [declared]
    if isinstance(declared.variant, UnionType):
        targets = [analyze_type_info(t) for t in declared.variant.variant_types]
    decoders = [_first_fit(path, variant, targets, declared) for variant in source]
    if all(decoder is IDENTITY for decoder in decoders):
        return IDENTITY
    find = make_variant_finder([variant.kind for variant in source])

    def decode(value: Any) -> Any:
        if value is None:
            return None
        index = find(value)
        if index is None:
            raise mismatch(path, f"Expected one of {src_type} for", value)
        return decoders[index](value)

    return decode


def _first_fit(
    path: Path, source: BasicValueType, targets: Sequence[DataTypeInfo], declared: DataTypeInfo
) -> Decoder:
    """Return the decoder from one variant of a union to the first declared one that fits it."""
    for target in targets:
        try:
            # The union's decoder lets None pass before it comes to its variants.
            return make_engine_value_decoder(path, source, target._replace(nullable=True))
        except DefinitionError:
            continue
    raise _does_not_fit(path, declared, f"which has nothing for the variant {source}")


def _vector_decoder(path: Path, source: VectorTypeSchema, declared: DataTypeInfo) -> Decoder:
    infos = [declared]
    if isinstance(declared.variant, UnionType):
        infos = [analyze_type_info(t) for t in declared.variant.variant_types]
    info = next((i for i in infos if isinstance(i.variant, SequenceType)), None)
    if info is None or not isinstance(info.variant, SequenceType):
        raise _does_not_fit(path, declared, "a list type expected")
    build = _vector_builder(path, source, info, info.variant.elem_type)
    dimension = info.variant.vector_info.dim if info.variant.vector_info is not None else None
    nullable = declared.nullable

    def decode(value: Any) -> Any:
        if value is None:
            if nullable:
                return None
            raise mismatch(path, "Received null for non-nullable vector", value)
        if value.__class__ is not list and not _is_array(value):
            raise mismatch(path, "Expected NDArray or list for vector", value)
        if dimension is not None and len(value) != dimension:
            problem = f"expected {dimension} elements, not {len(value)}, in"
            raise mismatch(path, f"Vector dimension mismatch: {problem}", None)
        return build(value)

    return decode


def _vector_builder(
    path: Path, source: VectorTypeSchema, info: DataTypeInfo, elem_type: Any
) -> Decoder:
    """Return what makes the declared list or array from the engine's."""
    element = source.element_type
    if _is_array_type(info.base_type):
        if element.vector is None and element.kind not in _NUMBER_KINDS:
            raise _does_not_fit(path, info, f"passed in a vector of {element}")
        import numpy as np

        dtype = elem_type if is_numpy_number_type(elem_type) else None
        # A copy, so that user code may write to it: the engine's own may be shared or read-only.
        return lambda value: np.array(value, dtype=dtype)
    elem_info = analyze_type_info(elem_type)
    decode_element = make_engine_value_decoder((*path, "[*]"), element, elem_info)
    plain_numbers = element.kind in _NUMBER_KINDS and not is_numpy_number_type(elem_info.core_type)

    def build(value: Any) -> Any:
        elements = value if value.__class__ is list else value.tolist()
        if decode_element is IDENTITY or (plain_numbers and elements is not value):
            return list(elements)
        return [decode_element(item) for item in elements]

    return build


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _is_array_type(base_type: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and base_type is numpy.ndarray


def _table_decoder(path: Path, source: TableType, declared: DataTypeInfo) -> Decoder:
    variant = declared.variant
    if isinstance(variant, SequenceType):
        row_info = analyze_type_info(variant.elem_type)
    elif isinstance(variant, AnyType):
        row_info = ANY_TYPE_INFO
    else:
        raise _does_not_fit(path, declared, "a list type expected")
    decode_row = make_engine_struct_decoder((*path, "[*]"), source.row.fields, row_info)
    return lambda value: None if value is None else [decode_row(row) for row in value]


def _keyed_table_decoder(path: Path, source: TableType, declared: DataTypeInfo) -> Decoder:
    variant = declared.variant
    if isinstance(variant, MappingType):
        key_info = analyze_type_info(variant.key_type)
        row_info = analyze_type_info(variant.value_type)
    elif isinstance(variant, AnyType):
        key_info = row_info = ANY_TYPE_INFO
    else:
        raise _does_not_fit(path, declared, "a dict type expected")
    parts = source.key_parts
    fields = source.row.fields
    decode_key = make_engine_key_decoder((*path, "<key>"), fields[:parts], key_info)
    decode_row = make_engine_struct_decoder((*path, "<value>"), fields[parts:], row_info)

    def decode(value: Any) -> Any:
        if value is None:
            return None
        return {decode_key(row[:parts]): decode_row(row[parts:]) for row in value}

    return decode


def _class_decoder(
    path: Path, src_fields: Sequence[FieldSchema], variant: StructVariant, for_key: bool
) -> Decoder:
    """Return the decoder that calls the struct's constructor."""
    indexes = {field.name: index for index, field in enumerate(src_fields)}
    present: list[tuple[StructFieldInfo, int, Decoder]] = []
    absent: dict[str, Callable[[], Any]] = {}
    for field in variant.fields:
        index = indexes.get(field.name)
        if index is not None:
            decoder = make_engine_value_decoder(
                (*path, field.name),
                src_fields[index].value_type.type,
                analyze_type_info(field.type_hint),
                for_key,
            )
            present.append((field, index, decoder))
        elif field.default_value is MISSING:
            absent[field.keyword] = _absent_value(path, field)
    construct: Callable[..., Any] = variant.struct_type
    leading = variant.fields[: len(present)]
    positional = all(
        field is expected and field.positional
        for (field, _, _), expected in zip(present, leading, strict=True)
    )
    plan = [(index, decoder) for _, index, decoder in present]
    if positional and not absent:
        return _positional_decoder(construct, plan, len(src_fields))
    names = [field.keyword for field, _, _ in present]

    def decode(values: Any) -> Any:
        if values is None:
            return None
        keywords = {
            name: decoder(values[index]) for name, (index, decoder) in zip(names, plan, strict=True)
        }
        for name, make in absent.items():
            keywords[name] = make()
        return construct(**keywords)

    return decode


def _positional_decoder(
    construct: Callable[..., Any], plan: Sequence[tuple[int, Decoder]], source_size: int
) -> Decoder:
    """Return the decoder for a constructor that takes all decoded fields by position."""
    in_order = [index for index, _ in plan] == list(range(source_size))
    if in_order and all(decoder is IDENTITY for _, decoder in plan):
        return lambda values: None if values is None else construct(*values)

    def decode(values: Any) -> Any:
        if values is None:
            return None
        return construct(*[decoder(values[index]) for index, decoder in plan])

    return decode


def _absent_value(path: Path, field: StructFieldInfo) -> Callable[[], Any]:
    """Return what makes the value of a field that has no default and is not in the input."""
    make = auto_default(analyze_type_info(field.type_hint))
    missing = (
        f"Field {field.name!r} (type {field.type_hint}) without default value is missing in input: "
        f"`{format_path(path)}`."
    )
    if make is None:
        raise DefinitionError(missing, hint="Give it a default, or pass it.")
    warnings.warn(f"{missing} It will be {make()!r}.", UserWarning, stacklevel=5)
    return make


def _dict_decoder(path: Path, src_fields: Sequence[FieldSchema], value_type: Any) -> Decoder:
    """Return the decoder from fields to a dict by name."""
    info = analyze_type_info(value_type)
    names = [field.name for field in src_fields]
    decoders = [
        make_engine_value_decoder((*path, field.name), field.value_type.type, info)
        for field in src_fields
    ]
    if all(decoder is IDENTITY for decoder in decoders):
        return lambda values: None if values is None else dict(zip(names, values, strict=True))
    plan = list(zip(names, decoders, strict=True))

    def decode(values: Any) -> Any:
        if values is None:
            return None
        return {name: decoder(value) for (name, decoder), value in zip(plan, values, strict=True)}

    return decode


def _tuple_decoder(path: Path, src_fields: Sequence[FieldSchema]) -> Decoder:
    """Return the decoder from fields to a tuple."""
    decoders = [
        make_engine_value_decoder(
            (*path, field.name), field.value_type.type, ANY_TYPE_INFO, for_key=True
        )
        for field in src_fields
    ]
    if all(decoder is IDENTITY for decoder in decoders):
        return lambda values: None if values is None else tuple(values)

    def decode(values: Any) -> Any:
        if values is None:
            return None
        return tuple(decoder(value) for decoder, value in zip(decoders, values, strict=True))

    return decode
