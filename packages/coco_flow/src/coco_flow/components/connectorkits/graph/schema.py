"""Properties of nodes and relationships, made of the fields of a record class."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

from coco_flow.components.connectorkits.table_schema import (
    ColumnType,
    RecordColumns,
    RowT,
    ValueEncoder,
    check_identifier,
    check_vector_use,
)
from coco_flow.components.datatype import (
    AnyType,
    DataTypeInfo,
    RecordType,
    SequenceType,
    UnionType,
    analyze_type_info,
)
from coco_flow.components.schema import VectorSchema, VectorSchemaProvider

__all__ = ["ColumnDef", "GraphSchema", "vector_list"]


class ColumnDef(NamedTuple):
    """A property; the database does not enforce its type."""

    type: str
    nullable: bool = True
    encoder: ValueEncoder | None = None


def _json_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)


def _json_text(value: Any) -> str:
    """Return a value as JSON, since a property holds no maps and no lists of lists."""
    return json.dumps(value, ensure_ascii=False, default=_json_value)


def vector_list(value: Any) -> list[Any]:
    """Return the numbers of a vector as the clients take them."""
    found: list[Any] = value if isinstance(value, list) else value.tolist()
    return found


class GraphSchema(RecordColumns[RowT]):
    """Properties of a node label or a relationship type, and which of them identifies one.

    Attributes:
        scalars: The types of the database by Python's.
        list_type: The type of lists of scalars.
        text_type: The type of text, in which everything else is kept as JSON.
    """

    scalars: ClassVar[Mapping[Any, ColumnType]]
    list_type: ClassVar[str]
    text_type: ClassVar[str]

    columns: dict[str, ColumnDef]
    primary_key: str

    def __init__(
        self,
        columns: dict[str, ColumnDef],
        *,
        primary_key: str = "id",
        row_type: type[RowT] | None = None,
    ) -> None:
        """Take the properties by name.

        Raises:
            ValueError: A name is no plain identifier, or the primary key is not among them.
        """
        for name in columns:
            check_identifier(name, f"{self.database} column name")
        if primary_key not in columns:
            raise ValueError(f"primary_key {primary_key!r} not found in columns: {list(columns)}")
        self.columns = columns
        self.primary_key = primary_key
        self.row_type = row_type

    @property
    def value_field_names(self) -> list[str]:
        """The properties besides the primary key, in their order."""
        return [name for name in self.columns if name != self.primary_key]

    @classmethod
    async def from_class(
        cls,
        record_type: type[RowT],
        *,
        primary_key: str = "id",
        column_overrides: dict[str, Any | VectorSchemaProvider] | None = None,
    ) -> Self:
        """Make the schema of a dataclass, NamedTuple or Pydantic model.

        Args:
            record_type: The class of the rows.
            primary_key: The field that identifies a row.
            column_overrides: By field: its type in the database, or what knows the vector schema.
        """
        columns = await cls.columns_of(record_type, column_overrides)
        return cls(columns, primary_key=primary_key, row_type=record_type)

    @classmethod
    def column(cls, info: DataTypeInfo, vector: VectorSchema | None, given: Any) -> ColumnDef:
        """Return the property for an annotation."""
        if given is not None:
            name, encoder = given
            kind = ColumnType(name, encoder)
        else:
            check_vector_use(info, vector)
            kind = cls._type(info) if vector is None else cls.vector(vector)
        return ColumnDef(kind.name.strip(), info.nullable, kind.encoder)

    @classmethod
    def vector(cls, vector: VectorSchema) -> ColumnType:
        """Return the type of a vector."""
        raise NotImplementedError

    @classmethod
    def _type(cls, info: DataTypeInfo) -> ColumnType:
        if info.base_type in cls.scalars:
            return cls.scalars[info.base_type]
        if isinstance(info.variant, SequenceType):
            element = analyze_type_info(info.variant.elem_type)
            if isinstance(element.variant, AnyType) or element.base_type in cls.scalars:
                return ColumnType(cls.list_type, cls.encode_value)
        if isinstance(info.variant, AnyType | UnionType):
            return ColumnType(cls.text_type, cls.encode_value)
        return ColumnType(cls.text_type, _json_text)

    @classmethod
    def encode_value(cls, value: Any) -> Any:
        """Return a value as the client takes it, by what it is."""
        if value is None:
            return None
        if type(value) in cls.scalars:
            encode = cls.scalars[type(value)].encoder
            return value if encode is None else encode(value)
        if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
            return value.tolist()
        if isinstance(value, list | tuple) and all(type(each) in cls.scalars for each in value):
            return [cls.encode_value(each) for each in value]
        return _json_text(value)

    @classmethod
    def encode_free_row(cls, row: Any) -> dict[str, Any]:
        """Return a row without a schema, a dict or a record, as encoded values by name."""
        if not isinstance(row, dict):
            fields = RecordType(type(row)).fields
            row = {field.name: getattr(row, field.name) for field in fields}
        for name in row:
            check_identifier(name, f"{cls.database} property name")
        return {name: cls.encode_value(value) for name, value in row.items()}
