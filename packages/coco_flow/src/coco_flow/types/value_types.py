"""Types of the engine as plain data, with their JSON form."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from coco_flow.types.annotations import TABLE_TYPES

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
    "encode_value_type",
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
