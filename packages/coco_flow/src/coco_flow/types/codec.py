"""Binary codec of engine values: equal values of a type have equal bytes; nothing runs on load."""

from __future__ import annotations

import datetime
import hashlib
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgpack

from coco_flow.errors import ValueMismatch
from coco_flow.types import plain
from coco_flow.types.untyped import (
    pack_any,
    pack_key,
    restore_extension,
    unpack_any,
    unpack_key,
)
from coco_flow.types.value_types import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructType,
    TableType,
    ValueType,
)
from coco_flow.types.variants import make_variant_finder

__all__ = [
    "Schema",
    "digest",
    "make_packer",
    "make_unpacker",
    "pack_any",
    "pack_key",
    "unpack_any",
    "unpack_key",
]

Schema: TypeAlias = ValueType | EnrichedValueType | Sequence[FieldSchema]
"""What a packer is for: a type, or the fields of a row."""

Conversion: TypeAlias = Callable[[Any], Any] | None
"""To or from what msgpack writes natively; None if that is the value as it is."""

# Half of SHA-256. Measured here against BLAKE2b of 16 bytes: 0.84 against 1.23 microseconds for
# 900 bytes, 2.5 against 3.8 for 3,500 (the processor has instructions for SHA).
_DIGEST_BYTES: Final = 16


def digest(*parts: bytes) -> bytes:
    """Return the digest of the parts, 16 bytes; where one part ends and the next begins counts."""
    if len(parts) == 1:
        return hashlib.sha256(parts[0], usedforsecurity=False).digest()[:_DIGEST_BYTES]
    state = hashlib.sha256(usedforsecurity=False)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    state.update(len(parts).to_bytes(8, "big"))
    return state.digest()[:_DIGEST_BYTES]


def make_packer(schema: Schema) -> Callable[[Any], bytes]:
    """Return the function from values of this type to bytes."""
    pack = plain.pack
    convert = _to_plain(_value_type(schema))

    def pack_value(value: Any) -> bytes:
        try:
            return pack(value if convert is None else convert(value))
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise ValueMismatch(
                f"A value cannot be stored as {_value_type(schema)}: {error}.",
                hint="Return values of the declared type.",
            ) from error

    return pack_value


def make_unpacker(schema: Schema) -> Callable[[bytes], Any]:
    """Return the function from bytes to values of this type.

    It raises ValueError for bytes that were not packed as values of this type.
    """
    convert = _from_plain(_value_type(schema))
    unpackb = msgpack.unpackb

    def unpack(data: bytes) -> Any:
        value = unpackb(data, ext_hook=restore_extension, unicode_errors=plain.UNICODE_ERRORS)
        return value if convert is None else convert(value)

    return unpack


def _value_type(schema: Schema) -> ValueType:
    if isinstance(schema, EnrichedValueType):
        return schema.type
    if isinstance(schema, Sequence):
        return StructType(list(schema))
    return schema


def _to_plain(value_type: ValueType) -> Conversion:
    if isinstance(value_type, StructType):
        return _each_field(value_type.fields, _to_plain)
    if isinstance(value_type, TableType):
        return _rows_to_plain(value_type)
    if value_type.union is not None:
        return _union_to_plain(value_type.union.variants)
    if value_type.vector is not None:
        dtype = _DTYPES.get(value_type.vector.element_type.kind)
        if dtype is not None:
            return _array_to_plain(dtype)
        return _each_element(_to_plain(value_type.vector.element_type))
    return _or_none(_SCALARS_TO_PLAIN.get(value_type.kind))


def _from_plain(value_type: ValueType) -> Conversion:
    if isinstance(value_type, StructType):
        return _each_field(value_type.fields, _from_plain)
    if isinstance(value_type, TableType):
        return _each_element(_each_field(value_type.row.fields, _from_plain))
    if value_type.union is not None:
        return _union_from_plain(value_type.union.variants)
    if value_type.vector is not None:
        dtype = _DTYPES.get(value_type.vector.element_type.kind)
        if dtype is not None:
            return _array_from_plain(dtype)
        return _each_element(_from_plain(value_type.vector.element_type))
    return _or_none(_SCALARS_FROM_PLAIN.get(value_type.kind))


def _or_none(convert: Conversion) -> Conversion:
    """Let None pass."""
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)


def _each_field(
    fields: Sequence[FieldSchema], of_type: Callable[[ValueType], Conversion]
) -> Conversion:
    plan = [
        (index, convert)
        for index, field in enumerate(fields)
        if (convert := of_type(field.value_type.type)) is not None
    ]
    if not plan:
        return None

    def convert_row(row: Any) -> Any:
        if row is None:
            return None
        result = list(row)
        for index, convert in plan:
            result[index] = convert(result[index])
        return result

    return convert_row


def _each_element(convert: Conversion) -> Conversion:
    if convert is None:
        return None
    return lambda values: None if values is None else [convert(value) for value in values]


def _rows_to_plain(table: TableType) -> Conversion:
    rows = _each_element(_each_field(table.row.fields, _to_plain))
    parts = table.key_parts
    if not parts:
        return rows
    pack = plain.pack

    def convert(value: Any) -> Any:
        if value is None:
            return None
        # The rows have no order of their own, so that none must show in the bytes.
        return sorted(value if rows is None else rows(value), key=lambda row: pack(row[:parts]))

    return convert


def _union_to_plain(variants: Sequence[BasicValueType]) -> Conversion:
    conversions = [_to_plain(variant) for variant in variants]
    find = make_variant_finder([variant.kind for variant in variants])

    def convert(value: Any) -> Any:
        if value is None:
            return None
        index = find(value)
        if index is None:
            raise TypeError(f"{value!r} is of no variant of the union")
        convert_variant = conversions[index]
        return [index, value if convert_variant is None else convert_variant(value)]

    return convert


def _union_from_plain(variants: Sequence[BasicValueType]) -> Conversion:
    conversions = [_from_plain(variant) for variant in variants]

    def convert(value: Any) -> Any:
        if value is None:
            return None
        index, content = value
        convert_variant = conversions[index]
        return content if convert_variant is None else convert_variant(content)

    return convert


# Little-endian in storage, whatever the machine.
_DTYPES: Final = {"Int64": "<i8", "Float32": "<f4", "Float64": "<f8"}


def _array_to_plain(dtype: str) -> Conversion:
    import numpy as np

    wanted = np.dtype(dtype)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if value.__class__ is np.ndarray and value.dtype == wanted:
            return value.tobytes()
        return np.asarray(value, dtype=wanted).tobytes()

    return convert


def _array_from_plain(dtype: str) -> Conversion:
    import numpy as np

    stored = np.dtype(dtype)
    native = stored.newbyteorder("=")
    if sys.byteorder == "little":
        # A view of the bytes, without a copy, and therefore not writable.
        return lambda value: None if value is None else np.frombuffer(value, stored)
    return lambda value: None if value is None else np.frombuffer(value, stored).astype(native)


_SCALARS_TO_PLAIN: Final[dict[str, Callable[[Any], Any]]] = {
    "Uuid": lambda value: value.bytes,
    "Range": plain.from_range,
    "Date": lambda value: value.toordinal(),
    "Time": plain.from_time,
    "TimeDelta": plain.from_timedelta,
    "LocalDateTime": plain.from_local_datetime,
    "OffsetDateTime": plain.from_offset_datetime,
    "Json": plain.from_json,
}

_SCALARS_FROM_PLAIN: Final[dict[str, Callable[[Any], Any]]] = {
    "Uuid": lambda value: uuid.UUID(bytes=value),
    "Range": tuple,
    "Date": datetime.date.fromordinal,
    "Time": plain.to_time,
    "TimeDelta": plain.to_timedelta,
    "LocalDateTime": plain.to_local_datetime,
    "OffsetDateTime": plain.to_offset_datetime,
}
