"""Types of the engine as plain data, with their JSON form, and their making from annotations."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, overload

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
from coco_flow.types.annotations import KEY_FIELD_NAME, TABLE_TYPES

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
    "struct_field_schemas",
]

BasicKind: TypeAlias = Literal[
    "Bytes",
    "Str",
    "Bool",
    "Int64",
    "Float32",
    "Float64",
    "Range",
    "Uuid",
    "Date",
    "Time",
    "LocalDateTime",
    "OffsetDateTime",
    "TimeDelta",
    "Json",
    "Vector",
    "Union",
]

# Values of these kinds cannot be told apart by hashing, so that they cannot be keys.
_KINDS_WITHOUT_HASH = ("Json", "Vector")


@dataclass(frozen=True, slots=True, repr=False)
class VectorTypeSchema:
    """What a vector holds; `dimension` None is open."""

    element_type: BasicValueType
    dimension: int | None

    def __str__(self) -> str:
        size = "" if self.dimension is None else f", {self.dimension}"
        return f"Vector[{self.element_type}{size}]"

    __repr__ = __str__

    @staticmethod
    def decode(obj: Mapping[str, Any]) -> VectorTypeSchema:
        """Read the JSON form."""
        return VectorTypeSchema(BasicValueType.decode(obj["element_type"]), obj.get("dimension"))

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"element_type": self.element_type.encode(), "dimension": self.dimension}


@dataclass(frozen=True, slots=True, repr=False)
class UnionTypeSchema:
    """The variants of a union."""

    variants: list[BasicValueType]

    def __str__(self) -> str:
        return f"Union[{' | '.join(str(variant) for variant in self.variants)}]"

    __repr__ = __str__

    @staticmethod
    def decode(obj: Mapping[str, Any]) -> UnionTypeSchema:
        """Read the JSON form."""
        return UnionTypeSchema([BasicValueType.decode(variant) for variant in obj["types"]])

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"types": [variant.encode() for variant in self.variants]}


@dataclass(frozen=True, slots=True, repr=False)
class BasicValueType:
    """A type whose values have no fields: scalar, JSON, vector or union."""

    kind: str
    vector: VectorTypeSchema | None = None
    union: UnionTypeSchema | None = None

    def __str__(self) -> str:
        return str(self.vector or self.union or self.kind)

    __repr__ = __str__

    @staticmethod
    def decode(obj: Mapping[str, Any]) -> BasicValueType:
        """Read the JSON form."""
        kind = obj["kind"]
        if kind == "Vector":
            return BasicValueType(kind, vector=VectorTypeSchema.decode(obj))
        if kind == "Union":
            return BasicValueType(kind, union=UnionTypeSchema.decode(obj))
        return BasicValueType(kind)

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        result: dict[str, Any] = {"kind": self.kind}
        if self.vector is not None:
            result.update(self.vector.encode())
        if self.union is not None:
            result.update(self.union.encode())
        return result


@dataclass(frozen=True, slots=True, repr=False)
class EnrichedValueType:
    """A type with what is known about its use: whether it may be absent, and attributes."""

    type: ValueType
    nullable: bool = False
    attrs: dict[str, Any] | None = None

    def __str__(self) -> str:
        text = f"{self.type}?" if self.nullable else str(self.type)
        if self.attrs:
            text += f" [{', '.join(f'{key}: {value}' for key, value in self.attrs.items())}]"
        return text

    __repr__ = __str__

    @staticmethod
    def decode(obj: Mapping[str, Any]) -> EnrichedValueType:
        """Read the JSON form."""
        return EnrichedValueType(
            decode_value_type(obj["type"]), obj.get("nullable", False), obj.get("attrs")
        )

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        result: dict[str, Any] = {"type": self.type.encode()}
        if self.nullable:
            result["nullable"] = True
        if self.attrs is not None:
            result["attrs"] = self.attrs
        return result


@dataclass(frozen=True, slots=True, repr=False)
class FieldSchema:
    """A named field of a struct or table."""

    name: str
    value_type: EnrichedValueType
    description: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.value_type}"

    __repr__ = __str__

    @staticmethod
    def decode(obj: Mapping[str, Any]) -> FieldSchema:
        """Read the JSON form."""
        return FieldSchema(obj["name"], EnrichedValueType.decode(obj), obj.get("description"))

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        result = {"name": self.name, **self.value_type.encode()}
        if self.description is not None:
            result["description"] = self.description
        return result


@dataclass(frozen=True, slots=True, repr=False)
class StructSchema:
    """The fields of a struct, or of a table's rows."""

    fields: list[FieldSchema]
    description: str | None = None

    def __str__(self) -> str:
        return f"Struct({', '.join(str(field) for field in self.fields)})"

    __repr__ = __str__

    @classmethod
    def decode(cls, obj: Mapping[str, Any]) -> typing.Self:
        """Read the JSON form."""
        return cls(decode_field_schemas(obj["fields"]), obj.get("description"))

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        result: dict[str, Any] = {"fields": [field.encode() for field in self.fields]}
        if self.description is not None:
            result["description"] = self.description
        return result


@dataclass(frozen=True, slots=True, repr=False)
class StructType(StructSchema):
    """A value with named fields."""

    kind: Literal["Struct"] = "Struct"

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        # super() without arguments does not work in a class with slots made by dataclass.
        return {**StructSchema.encode(self), "kind": self.kind}


@dataclass(frozen=True, slots=True, repr=False)
class TableType:
    """A table: `KTable` has a key, its first `num_key_parts` fields; `LTable` has an order."""

    kind: Literal["KTable", "LTable"]
    row: StructSchema
    num_key_parts: int | None = None

    @property
    def key_parts(self) -> int:
        """How many fields of a row are its key."""
        if self.kind == "LTable":
            return 0
        return 1 if self.num_key_parts is None else self.num_key_parts

    def __str__(self) -> str:
        kind = f"KTable({self.key_parts})" if self.kind == "KTable" else "LTable"
        return f"{kind}({self.row})"

    __repr__ = __str__

    @staticmethod
    def decode(obj: Mapping[str, Any]) -> TableType:
        """Read the JSON form."""
        return TableType(obj["kind"], StructSchema.decode(obj["row"]), obj.get("num_key_parts"))

    def encode(self) -> dict[str, Any]:
        """Return the JSON form."""
        result: dict[str, Any] = {"kind": self.kind, "row": self.row.encode()}
        if self.num_key_parts is not None:
            result["num_key_parts"] = self.num_key_parts
        return result


ValueType: TypeAlias = BasicValueType | StructType | TableType


def decode_field_schemas(objs: Sequence[Mapping[str, Any]]) -> list[FieldSchema]:
    """Read the JSON form of several fields."""
    return [FieldSchema.decode(obj) for obj in objs]


def decode_value_type(obj: Mapping[str, Any]) -> ValueType:
    """Read the JSON form of a type."""
    kind = obj["kind"]
    if kind == "Struct":
        return StructType.decode(obj)
    if kind in TABLE_TYPES:
        return TableType.decode(obj)
    return BasicValueType.decode(obj)


def encode_value_type(value_type: ValueType) -> dict[str, Any]:
    """Return the JSON form of a type."""
    return value_type.encode()


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


def struct_field_schemas(annotation: Any) -> list[FieldSchema]:
    """Return the fields of a struct annotation.

    Raises:
        DefinitionError: It is no struct, or one of its fields has no type in the engine.
    """
    variant = analyze_type_info(annotation).variant
    if not isinstance(variant, StructVariant):
        raise DefinitionError(
            f"{annotation!r} is no struct.",
            hint="Use a dataclass, a NamedTuple or a Pydantic model.",
        )
    return _struct_fields(variant)


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
    """Return the annotation that a string stands for; anything else is returned as it is."""
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
            hint="Annotate it with the type of its values; coco_flow.Json stands for any JSON.",
        )
    if isinstance(variant, OtherType):
        raise DefinitionError(
            f"Unsupported type annotation: {info.core_type!r}.",
            hint="Use a basic type, a list, a dict of structs, or a struct; "
            "coco_flow.Json stands for any JSON.",
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
    row = StructSchema([*key, *_struct_fields(struct)], _struct_description(struct.struct_type))
    return TableType("KTable", row, len(key))
