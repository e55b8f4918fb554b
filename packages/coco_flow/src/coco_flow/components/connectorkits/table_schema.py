"""Columns of a table, made of the fields of a record class; shared by the relational connectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeAlias

from typing_extensions import TypeVar

from coco_flow.components.datatype import (
    DataTypeInfo,
    RecordFieldInfo,
    RecordType,
    analyze_type_info,
    is_record_type,
)
from coco_flow.components.schema import VectorSchema, VectorSchemaProvider, get_vector_schema

__all__ = [
    "Column",
    "ColumnType",
    "RecordColumns",
    "RowT",
    "SchemaBase",
    "ValueEncoder",
    "check_identifier",
    "check_vector_use",
    "is_ndarray",
]

RowT = TypeVar("RowT", default=dict[str, Any])

ValueEncoder: TypeAlias = Callable[[Any], Any]
"""Turns a value into what the database's client takes."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Column(Protocol):
    """A column: its type in the database, whether it may be null, and the encoder of its values."""

    @property
    def type(self) -> str:
        """The type as the database names it."""
        ...

    @property
    def nullable(self) -> bool:
        """Whether it may be null."""
        ...

    @property
    def encoder(self) -> ValueEncoder | None:
        """What encodes its values, or None if they go as they are."""
        ...


class ColumnType(NamedTuple):
    """A type in the database, and the encoder of its values."""

    name: str
    encoder: ValueEncoder | None = None


def check_identifier(name: str, kind: str = "identifier") -> None:
    """Refuse what is no plain identifier: names are put into statements, and quotes do not heal."""
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise ValueError(
            f"Invalid {kind}: {name!r}. Use letters, digits and underscores, no digit first."
        )


def is_ndarray(info: DataTypeInfo) -> bool:
    """Say whether an annotation is that of a NumPy array, and do not import NumPy for it."""
    base = info.base_type
    return getattr(base, "__module__", None) == "numpy" and base.__name__ == "ndarray"


def check_vector_use(info: DataTypeInfo, vector: VectorSchema | None) -> None:
    """Refuse an array without a vector schema, and a vector schema for anything else."""
    if is_ndarray(info):
        if vector is None:
            raise ValueError(
                "A VectorSchemaProvider is required for a NumPy array: annotate the field with "
                "Annotated[NDArray[...], VectorSchema(...)] or an embedder, or pass one in "
                "column_overrides."
            )
        if vector.size <= 0:
            raise ValueError(f"Invalid vector dimension: {vector.size}")
    elif vector is not None:
        raise ValueError(
            f"A VectorSchemaProvider is only supported for NumPy arrays, not for {info.core_type}."
        )


class RecordColumns(Generic[RowT]):
    """Columns made of the fields of a record class.

    A database's own class says by `override_type` which annotation sets a column's type, and by
    `column` which column a field becomes.
    """

    override_type: ClassVar[type[tuple[Any, ...]]]
    database: ClassVar[str]

    columns: dict[str, Any]
    primary_key: Any
    row_type: type[RowT] | None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RecordColumns)
            and type(self) is type(other)
            and (self.columns, self.primary_key, self.row_type)
            == (other.columns, other.primary_key, other.row_type)
        )

    # Its columns can be changed.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(columns={self.columns!r}, primary_key={self.primary_key!r})"

    def __coco_memo_key__(self) -> object:
        """Identify the schema by what the database sees of it."""
        columns = [(name, str(c.type), c.nullable) for name, c in self.columns.items()]
        return (columns, self.primary_key)

    @classmethod
    def column(cls, info: DataTypeInfo, vector: VectorSchema | None, given: Any) -> Any:
        """Return the column for an annotation; `given` is what overrides its type, or None."""
        raise NotImplementedError

    @classmethod
    async def columns_of(
        cls,
        record_type: type[RowT],
        column_overrides: dict[str, Any | VectorSchemaProvider] | None,
    ) -> dict[str, Any]:
        """Return the columns for the fields of a dataclass, NamedTuple or Pydantic model."""
        if not is_record_type(record_type):
            raise TypeError(
                "record_type must be a record type (dataclass, NamedTuple, Pydantic model), "
                f"got {record_type!r}"
            )
        overrides = column_overrides or {}
        return {
            field.name: await cls._field_column(field, overrides.get(field.name))
            for field in RecordType(record_type).fields
        }

    @classmethod
    async def _field_column(cls, field: RecordFieldInfo, override: Any) -> Any:
        info = analyze_type_info(field.type_hint)
        notes = [*([] if override is None else [override]), *info.annotations]
        given = next((note for note in notes if isinstance(note, cls.override_type)), None)
        vector: VectorSchema | None = None
        for note in notes:
            vector = vector or await get_vector_schema(note)
        try:
            return cls.column(info, vector, given)
        except ValueError as error:
            raise ValueError(f"Field {field.name!r}: {error}") from error

    def encode_row(self, row: Any) -> dict[str, Any]:
        """Return a row, a dict or an object, as encoded values by column."""
        encoded: dict[str, Any] = {}
        for name, column in self.columns.items():
            value = row.get(name) if isinstance(row, dict) else getattr(row, name)
            if value is not None and column.encoder is not None:
                value = column.encoder(value)
            encoded[name] = value
        return encoded


class SchemaBase(RecordColumns[RowT]):
    """Columns and primary key of a table."""

    primary_key: list[str]

    def __init__(
        self,
        columns: dict[str, Any],
        primary_key: list[str],
        *,
        row_type: type[RowT] | None = None,
    ) -> None:
        """Take the columns by name.

        Raises:
            ValueError: A column of the primary key is not among them.
        """
        self.columns = columns
        self.primary_key = primary_key
        self.row_type = row_type
        for name in primary_key:
            if name not in columns:
                raise ValueError(
                    f"Primary key column '{name}' not found in columns: {list(columns)}"
                )

    @classmethod
    async def from_class(
        cls,
        record_type: type[RowT],
        primary_key: list[str],
        *,
        column_overrides: dict[str, Any | VectorSchemaProvider] | None = None,
    ) -> Self:
        """Make the schema of a dataclass, NamedTuple or Pydantic model.

        Args:
            record_type: The class of the rows.
            primary_key: The fields that identify a row.
            column_overrides: By field: its type in the database, or what knows the vector schema.
        """
        columns = await cls.columns_of(record_type, column_overrides)
        return cls(columns, primary_key, row_type=record_type)

    def key_of(self, row: Any, encoded: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values of the primary key.

        Raises:
            ValueError: One of them is missing.
        """
        for name in self.primary_key:
            if isinstance(row, dict) and name not in row:
                raise ValueError(f"{self.database} row is missing primary key column {name!r}")
            if encoded[name] is None:
                raise ValueError(f"{self.database} primary key column {name!r} cannot be None")
        return tuple(encoded[name] for name in self.primary_key)
