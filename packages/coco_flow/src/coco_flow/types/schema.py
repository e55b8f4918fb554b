"""Schemas: the engine's types for Python annotations."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any, overload

from coco_flow.errors import DefinitionError
from coco_flow.types.analysis import (
    AnyType,
    BasicType,
    DataTypeInfo,
    MappingType,
    OtherType,
    SequenceType,
    UnionType,
    analyze_type_info,
    is_pydantic_model,
)
from coco_flow.types.analysis import (
    StructType as StructVariant,
)
from coco_flow.types.annotations import KEY_FIELD_NAME
from coco_flow.types.value_types import (
    BasicKind,
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructSchema,
    StructType,
    TableType,
    UnionTypeSchema,
    ValueType,
    VectorTypeSchema,
    decode_field_schemas,
    decode_value_type,
    encode_value_type,
)

__all__ = [
    "BasicKind",
    "BasicValueType",
    "EnrichedValueType",
    "FieldSchema",
    "StructSchema",
    "StructType",
    "TableType",
    "UnionTypeSchema",
    "ValueType",
    "VectorTypeSchema",
    "decode_field_schemas",
    "decode_value_type",
    "encode_enriched_type",
    "encode_enriched_type_info",
    "encode_value_type",
    "enriched_type",
    "key_field_schemas",
    "resolve_forward_ref",
]

# Values of these kinds cannot be hashed, so that they cannot be keys.
_KINDS_WITHOUT_HASH = ("Json", "Vector")


def enriched_type(annotation: Any) -> EnrichedValueType:
    """Return the engine's type for an annotation.

    Raises:
        DefinitionError: The engine has no type for it.
    """
    return _enriched(analyze_type_info(annotation))


def encode_enriched_type_info(type_info: DataTypeInfo) -> dict[str, Any]:
    """Return the JSON form of the engine's type for an analyzed annotation."""
    return _enriched(type_info).encode()


@overload
def encode_enriched_type(t: None) -> None: ...


@overload
def encode_enriched_type(t: Any) -> dict[str, Any]: ...


def encode_enriched_type(t: Any) -> dict[str, Any] | None:
    """Return the JSON form of the engine's type for an annotation; None stays None."""
    return None if t is None else enriched_type(t).encode()


def key_field_schemas(annotation: Any) -> list[FieldSchema]:
    """Return the key fields for a key annotation: `_key` for a basic type, else the struct's own.

    Raises:
        DefinitionError: Its values cannot be keys.
    """
    info = analyze_type_info(annotation)
    if isinstance(info.variant, StructVariant):
        fields = _struct_fields(info.variant)
    elif isinstance(info.variant, BasicType | UnionType):
        fields = [FieldSchema(KEY_FIELD_NAME, _enriched(info))]
    else:
        raise DefinitionError(
            f"Unsupported key type: {annotation!r}.",
            hint="Use a basic type, or a frozen dataclass or NamedTuple of basic types.",
        )
    for field in fields:
        if not _can_be_key(field.value_type.type):
            raise DefinitionError(
                f"Unsupported key type: {annotation!r}; the field {field.name!r} is a "
                f"{field.value_type.type}.",
                hint="Key fields are basic types other than Json and Vector.",
            )
    return fields


def resolve_forward_ref(
    t: Any, globalns: dict[str, Any] | None = None, localns: dict[str, Any] | None = None
) -> Any:
    """Return the annotation that a string names; anything else is returned as it is."""
    if not isinstance(t, str):
        return t
    holder = types.SimpleNamespace(__annotations__={"annotation": t})
    hints = typing.get_type_hints(holder, globalns, localns, include_extras=True)
    return hints["annotation"]


def _can_be_key(value_type: ValueType) -> bool:
    if isinstance(value_type, StructType):
        return all(_can_be_key(field.value_type.type) for field in value_type.fields)
    if isinstance(value_type, TableType):
        return False
    if value_type.union is not None:
        return all(_can_be_key(variant) for variant in value_type.union.variants)
    return value_type.kind not in _KINDS_WITHOUT_HASH


def _enriched(info: DataTypeInfo) -> EnrichedValueType:
    return EnrichedValueType(_value_type(info), info.nullable, info.attrs)


def _struct_fields(variant: StructVariant) -> list[FieldSchema]:
    fields = []
    for field in variant.fields:
        try:
            value_type = _enriched(analyze_type_info(field.type_hint))
        except ValueError as error:
            error.add_note(
                f"The annotation of the field {variant.struct_type.__name__}.{field.name} "
                f"is {field.type_hint!r}."
            )
            raise
        fields.append(FieldSchema(field.name, value_type, field.description))
    return fields


def _struct_description(struct_type: type) -> str | None:
    if is_pydantic_model(struct_type):
        # A model without a docstring would inherit Pydantic's own.
        doc = struct_type.__dict__.get("__doc__")
        return inspect.cleandoc(doc) if doc else None
    return inspect.getdoc(struct_type)


def _value_type(info: DataTypeInfo) -> ValueType:
    variant = info.variant
    if isinstance(variant, BasicType):
        return BasicValueType(variant.kind)
    if isinstance(variant, StructVariant):
        return StructType(_struct_fields(variant), _struct_description(variant.struct_type))
    if isinstance(variant, SequenceType):
        return _sequence_type(variant)
    if isinstance(variant, MappingType):
        return _keyed_table_type(variant)
    if isinstance(variant, UnionType):
        infos = [analyze_type_info(t) for t in variant.variant_types]
        return BasicValueType("Union", union=UnionTypeSchema([_basic_type(i) for i in infos]))
    if isinstance(variant, AnyType):
        raise DefinitionError(
            "Specific type annotation is expected, got none or Any.",
            hint="Annotate it with the type of its values; coco_flow.Json is any JSON.",
        )
    if isinstance(variant, OtherType):
        raise DefinitionError(
            f"Unsupported type annotation: {info.core_type!r}.",
            hint="Use a basic type, a list, a dict of structs, or a struct; "
            "coco_flow.Json is any JSON.",
        )
    typing.assert_never(variant)


def _basic_type(info: DataTypeInfo) -> BasicValueType:
    value_type = _value_type(info)
    if isinstance(value_type, BasicValueType):
        return value_type
    raise DefinitionError(
        f"Unsupported type annotation: {info.core_type!r} inside a vector or union.",
        hint="Elements of vectors and variants of unions are basic types.",
    )


def _sequence_type(variant: SequenceType) -> ValueType:
    element = analyze_type_info(variant.elem_type)
    if isinstance(element.variant, StructVariant):
        if variant.vector_info is not None:
            raise DefinitionError(
                f"LTable type must not have a vector info, got {variant.vector_info!r}.",
                hint=f"Write list[{element.core_type.__name__}] without a dimension.",
            )
        struct = element.variant
        row = StructSchema(_struct_fields(struct), _struct_description(struct.struct_type))
        return TableType("LTable", row)
    dimension = variant.vector_info.dim if variant.vector_info is not None else None
    return BasicValueType("Vector", vector=VectorTypeSchema(_basic_type(element), dimension))


def _keyed_table_type(variant: MappingType) -> TableType:
    value = analyze_type_info(variant.value_type)
    if not isinstance(value.variant, StructVariant):
        raise DefinitionError(
            f"KTable value must have a Struct type, got {value.core_type!r}.",
            hint="Use a struct as the dict's value, or coco_flow.Json for a free-form dict.",
        )
    key = key_field_schemas(variant.key_type)
    struct = value.variant
    fields = [*key, *_struct_fields(struct)]
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DefinitionError(
            f"The field {twice!r} is in the key and in the value of the table {variant!r}.",
            hint="Give it another name in one of them.",
        )
    row = StructSchema(fields, _struct_description(struct.struct_type))
    return TableType("KTable", row, len(key))
