"""Arrow types for the engine's types, and rows of engine values as Arrow tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from coco_flow.errors import FlowError, missing_extra
from coco_flow.targets.json_value import json_encoder, json_text
from coco_flow.targets.table_state import vector_size
from coco_flow.types.schema import BasicValueType, FieldSchema, StructType, TableType, ValueType

__all__ = ["ArrowColumns", "ArrowOptions", "import_arrow"]

_UNITS = {"Time": "time64", "LocalDateTime": "timestamp", "TimeDelta": "duration"}


class ArrowOptions(NamedTuple):
    """The differences between stores in how they use Arrow.

    Attributes:
        store: Who needs Arrow, for the error when it is missing.
        extra: The extra of coco-flow that has it.
        json_type: Whether JSON has Arrow's type for it, or is text.
        uuid_type: Whether UUIDs have Arrow's type for them, or are text.
    """

    store: str
    extra: str
    json_type: bool = False
    uuid_type: bool = False


# pyarrow has no annotations.
def import_arrow(options: ArrowOptions) -> Any:
    """Return pyarrow.

    Raises:
        ExtraMissing: It is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise missing_extra(options.store, "pyarrow", options.extra) from error
    return pyarrow


class ArrowColumns:
    """The columns of an export in Arrow: its schema, and tables of its rows and of its keys."""

    def __init__(
        self, key: Sequence[FieldSchema], value: Sequence[FieldSchema], options: ArrowOptions
    ) -> None:
        self._pa = import_arrow(options)
        self._options = options
        fields = [
            *(self._field(field, nullable=False) for field in key),
            *(self._field(field, nullable=True) for field in value),
        ]
        self.schema = self._pa.schema(fields)
        self.key_schema = self._pa.schema(fields[: len(key)])
        self._builders = [
            self._builder(field, arrow.type)
            for field, arrow in zip((*key, *value), fields, strict=True)
        ]

    def table(self, rows: Iterable[tuple[Sequence[Any], Sequence[Any]]]) -> Any:
        """Return rows, each a key and its values, as a table."""
        return self._table(self.schema, [(*key, *row) for key, row in rows])

    def keys(self, keys: Sequence[Sequence[Any]]) -> Any:
        """Return keys as a table of the key columns."""
        return self._table(self.key_schema, keys)

    def _table(self, schema: Any, rows: Sequence[Sequence[Any]]) -> Any:
        by_column = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
        arrays = []
        for field, build, values in zip(schema, self._builders, by_column, strict=False):
            try:
                arrays.append(build(values))
            except (ValueError, TypeError, OverflowError) as error:
                raise FlowError(
                    f"A value of the field {field.name!r} does not fit its column of type "
                    f"{field.type}: {error}",
                    hint="Correct the annotation of the function that it comes from.",
                ) from error
        return self._pa.table(arrays, schema=schema)

    def _field(self, field: FieldSchema, *, nullable: bool) -> Any:
        return self._pa.field(field.name, self._type(field.value_type.type), nullable=nullable)

    def _type(self, value_type: ValueType) -> Any:
        pa = self._pa
        if isinstance(value_type, StructType):
            return self._struct(value_type.fields)
        if isinstance(value_type, TableType):
            return pa.list_(self._struct(value_type.row.fields))
        if value_type.kind == "Vector" and value_type.vector is not None:
            vector = value_type.vector
            element = self._type(vector.element_type)
            return pa.list_(element, -1 if vector.dimension is None else vector.dimension)
        if value_type.kind == "Range":
            return pa.struct([("start", pa.int64()), ("end", pa.int64())])
        if value_type.kind == "Uuid":
            return pa.uuid() if self._options.uuid_type else pa.string()
        if value_type.kind in ("Json", "Union"):
            return pa.json_() if self._options.json_type else pa.string()
        if value_type.kind in _UNITS:
            return getattr(pa, _UNITS[value_type.kind])("us")
        if value_type.kind == "OffsetDateTime":
            return pa.timestamp("us", tz="UTC")
        return {
            "Bytes": pa.binary,
            "Str": pa.string,
            "Bool": pa.bool_,
            "Int64": pa.int64,
            "Float32": pa.float32,
            "Float64": pa.float64,
            "Date": pa.date32,
        }[value_type.kind]()

    def _struct(self, fields: Sequence[FieldSchema]) -> Any:
        return self._pa.struct([self._field(field, nullable=True) for field in fields])

    def _builder(self, field: FieldSchema, arrow: Any) -> Callable[[Sequence[Any]], Any]:
        """Return what makes an array of a column's values."""
        pa, value_type = self._pa, field.value_type.type
        if vector_size(value_type) is not None:
            return lambda values: _vectors(pa, values, arrow)
        encode = self._encoder(value_type)
        if encode is None:
            return lambda values: pa.array(values, arrow)
        return lambda values: pa.array([None if v is None else encode(v) for v in values], arrow)

    def _encoder(self, value_type: ValueType) -> Callable[[Any], Any] | None:
        """Return what makes a value one that Arrow takes; None if it takes it as it is."""
        if isinstance(value_type, StructType):
            return self._row_encoder(value_type.fields)
        if isinstance(value_type, TableType):
            row = self._row_encoder(value_type.row.fields)
            return lambda rows: [row(each) for each in rows]
        if value_type.vector is not None:
            return _list_encoder(self._encoder(value_type.vector.element_type))
        if value_type.kind == "Range":
            return lambda value: {"start": value[0], "end": value[1]}
        if value_type.kind == "Uuid":
            return (lambda value: value.bytes) if self._options.uuid_type else str
        if value_type.kind in ("Json", "Union"):
            return _json_text(value_type)
        return None

    def _row_encoder(self, fields: Sequence[FieldSchema]) -> Callable[[Sequence[Any]], Any]:
        parts = [(field.name, self._encoder(field.value_type.type)) for field in fields]
        return lambda row: {
            name: value if encode is None or value is None else encode(value)
            for (name, encode), value in zip(parts, row, strict=True)
        }


def _json_text(value_type: BasicValueType) -> Callable[[Any], str]:
    to_json = json_encoder(value_type)
    return json_text if to_json is None else lambda value: json_text(to_json(value))


def _list_encoder(encode: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def encode_list(value: Any) -> Any:
        if hasattr(value, "tolist"):
            # Arrow reads arrays of one dimension as they are.
            value = value if value.ndim == 1 else list(value)
        return value if encode is None else [encode(each) for each in value]

    return encode_list


def _vectors(pa: Any, values: Sequence[Any], arrow: Any) -> Any:
    """Return vectors of one size as an array, without a Python object for each number."""
    import numpy as np

    size, dtype = arrow.list_size, arrow.value_type.to_pandas_dtype()
    flat = np.zeros((len(values), size), dtype)
    missing = np.fromiter((value is None for value in values), bool, len(values))
    for place, value in enumerate(values):
        if value is not None:
            # NumPy would repeat a vector of one number.
            if len(value) != size:
                raise ValueError(f"a vector has {len(value)} dimensions instead of {size}")
            flat[place] = value
    return pa.FixedSizeListArray.from_arrays(
        pa.array(flat.reshape(-1)), type=arrow, mask=pa.array(missing) if missing.any() else None
    )
