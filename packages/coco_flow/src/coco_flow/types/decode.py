"""Decoders: from the values of the engine to those that user code declared, chosen once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

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
from coco_flow.types.choices import is_enum, make_enum_decoder
from coco_flow.types.decode_vector import NUMBER_KINDS, Decoder, make_vector_decoder
from coco_flow.types.mismatch import Path, does_not_fit, format_path, mismatch
from coco_flow.types.scalars import IDENTITY
from coco_flow.types.schema import (
    BasicValueType,
    FieldSchema,
    StructType,
    TableType,
    ValueType,
)
from coco_flow.types.variants import make_variant_finder

__all__ = [
    "IDENTITY",
    "auto_default",
    "make_engine_key_decoder",
    "make_engine_struct_decoder",
    "make_engine_value_decoder",
]

# A value of the first kind may go where the second is declared.
_CONVERTIBLE_KINDS = {("Float32", "Float64"), ("LocalDateTime", "OffsetDateTime")}


def auto_default(type_info: DataTypeInfo) -> Callable[[], Any] | None:
    """Return a factory of an absent field's value: None, [] or {}; None if none is safe."""
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
        field_path: Where the value is, for errors.
        src_type: The engine's type.
        dst_type_info: The analyzed annotation.
        for_key: Decode structs without declared type to tuples, which can be hashed.

    Raises:
        DefinitionError: Values of the engine's type cannot become the declared type.
    """
    path = tuple(field_path)
    if isinstance(dst_type_info.variant, OtherType):
        raise does_not_fit(path, dst_type_info.core_type, "an unsupported type")
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
        return make_vector_decoder(path, src_type.vector, dst_type_info, make_engine_value_decoder)
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
        raise does_not_fit(
            path,
            dst_type_info,
            "a dataclass, NamedTuple, Pydantic model or dict[str, Any] expected",
        )
    return _class_decoder(path, src_fields, variant, for_key)


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
        raise does_not_fit(path, declared.core_type, f"passed in {src_type.kind}")
    if is_enum(info.core_type):
        return make_enum_decoder(info.core_type, path)
    if src_type.kind not in NUMBER_KINDS:
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
            raise mismatch(path, f"Expected one of {src_type}", value)
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
    raise does_not_fit(path, declared.core_type, f"which has nothing for the variant {source}")


def _table_decoder(path: Path, source: TableType, declared: DataTypeInfo) -> Decoder:
    variant = declared.variant
    if isinstance(variant, SequenceType):
        row_info = analyze_type_info(variant.elem_type)
    elif isinstance(variant, AnyType):
        row_info = ANY_TYPE_INFO
    else:
        raise does_not_fit(path, declared.core_type, "a list type expected")
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
        raise does_not_fit(path, declared.core_type, "a dict type expected")
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
