"""Types of PostgreSQL for the engine's types, and the binary form of values in parameters.

A batch goes to the server as one array for each column, in the server's own binary format: measured
against rows as parameters, COPY into a temporary table and arrays as text, this takes the least
time on either side (most of all for vectors, which need no conversion to and from digits).
"""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from coco_flow.errors import DefinitionError
from coco_flow.targets.json_value import json_encoder, json_text
from coco_flow.targets.table_state import vector_size
from coco_flow.types.schema import FieldSchema, ValueType

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["BinaryArray", "ColumnCodec", "column_codec", "column_type", "register_arrays"]

Encoder: TypeAlias = Callable[[Any], bytes]

_SQL_TYPES = {
    "Bytes": "bytea",
    "Str": "text",
    "Bool": "boolean",
    "Int64": "bigint",
    "Float32": "real",
    "Float64": "double precision",
    "Range": "int8range",
    "Uuid": "uuid",
    "Date": "date",
    "Time": "time without time zone",
    "LocalDateTime": "timestamp without time zone",
    "OffsetDateTime": "timestamp with time zone",
    "TimeDelta": "interval",
}
"""As `format_type` of PostgreSQL writes them, so that they can be compared with a table's."""

_OIDS = {
    "boolean": 16,
    "bytea": 17,
    "bigint": 20,
    "text": 25,
    "real": 700,
    "double precision": 701,
    "date": 1082,
    "time without time zone": 1083,
    "timestamp without time zone": 1114,
    "timestamp with time zone": 1184,
    "interval": 1186,
    "uuid": 2950,
    "jsonb": 3802,
    "int8range": 3926,
}
"""Numbers of the built-in types, which are the same in every database."""

_INT4 = struct.Struct(">i").pack
_INT8 = struct.Struct(">q").pack
_ARRAY = struct.Struct(">iiiii").pack
_RANGE = struct.Struct(">Biqiq").pack
_INTERVAL = struct.Struct(">qii").pack
_VECTOR = struct.Struct(">HH").pack
# The lower bound of a range belongs to it, the upper one does not.
_LOWER_INCLUSIVE = 2
_NULL = _INT4(-1)

_EPOCH_DAY = datetime.date(2000, 1, 1).toordinal()
_EPOCH = datetime.datetime(2000, 1, 1)  # noqa: DTZ001 - a local time has no zone
_EPOCH_UTC = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


class ColumnCodec(NamedTuple):
    """How one column's values become an array: `type_name` is that of its elements."""

    type_name: str
    oid: int | None
    encode: Encoder


def column_type(field: FieldSchema, option: Literal["vector", "halfvec"] | None) -> str:
    """Return the SQL type of a field's column.

    Raises:
        DefinitionError: The option does not fit the field's type.
    """
    value_type = field.value_type.type
    size = vector_size(value_type)
    if size is not None:
        return f"{option or 'vector'}({size})"
    if option is not None:
        raise DefinitionError(
            f"The column option {option!r} of {field.name!r} is for vectors of numbers with a "
            f"fixed dimension; the field's type is {value_type}.",
            hint=f"Remove {field.name!r} from column_options.",
        )
    return _SQL_TYPES.get(value_type.kind, "jsonb")


def column_codec(value_type: ValueType, sql_type: str) -> ColumnCodec:
    """Return the codec for values of an engine type in a column of an SQL type."""
    name = sql_type.partition("(")[0]
    if name in ("vector", "halfvec"):
        return ColumnCodec(name, None, _vector_encoder(">f4" if name == "vector" else ">f2"))
    if name == "jsonb":
        return ColumnCodec(name, _OIDS[name], _jsonb_encoder(value_type))
    return ColumnCodec(name, _OIDS[name], _ENCODERS[name])


@dataclass(frozen=True, slots=True)
class BinaryArray:
    """A parameter of a statement: an array of one dimension in PostgreSQL's binary format."""

    data: bytes

    @staticmethod
    def of(oid: int, values: Sequence[Any], encode: Encoder) -> BinaryArray:
        """Encode values of the element type `oid`; None becomes NULL."""
        parts = [_ARRAY(1, 1, oid, len(values), 1)]
        add = parts.append
        for value in values:
            if value is None:
                add(_NULL)
            else:
                data = encode(value)
                add(_INT4(len(data)))
                add(data)
        return BinaryArray(b"".join(parts))


def register_arrays(connection: Connection[Any]) -> None:
    """Let a connection take `BinaryArray` as a parameter; its type is what the SQL casts it to."""
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class ArrayDumper(Dumper):
        format = Format.BINARY

        def dump(self, obj: BinaryArray) -> bytes:
            return obj.data

    connection.adapters.register_dumper(BinaryArray, ArrayDumper)


def _text(value: str) -> bytes:
    # PostgreSQL has no text with NUL in it, nor halves of surrogate pairs.
    return value.replace("\0", "").encode("utf-8", "replace")


def _vector_encoder(dtype: str) -> Encoder:
    def encode(value: Any) -> bytes:
        if not hasattr(value, "astype"):
            import numpy as np

            value = np.asarray(value)
        return _VECTOR(len(value), 0) + value.astype(dtype).tobytes()  # type: ignore[no-any-return]

    return encode


def _jsonb_encoder(value_type: ValueType) -> Encoder:
    to_json = json_encoder(value_type)

    def encode(value: Any) -> bytes:
        text = json_text(value if to_json is None else to_json(value))
        if "\\u0000" in text:
            text = _ESCAPE.sub(lambda found: "" if found[0] == "\\u0000" else found[0], text)
        # The first byte is the version of the format.
        return b"\x01" + text.encode("utf-8", "replace")

    return encode


# A backslash that is itself escaped starts no escape.
_ESCAPE = re.compile(r"\\(?:u0000|.)")


def _timestamptz(value: datetime.datetime) -> bytes:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
    return _INT8((aware - _EPOCH_UTC) // _MICROSECOND)


def _time(value: datetime.time) -> bytes:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return _INT8(seconds * 1_000_000 + value.microsecond)


def _interval(value: datetime.timedelta) -> bytes:
    return _INTERVAL(value.seconds * 1_000_000 + value.microseconds, value.days, 0)


_ENCODERS: dict[str, Encoder] = {
    "boolean": lambda value: b"\x01" if value else b"\0",
    "bytea": lambda value: value,
    "bigint": _INT8,
    "text": _text,
    "real": struct.Struct(">f").pack,
    "double precision": struct.Struct(">d").pack,
    "date": lambda value: _INT4(value.toordinal() - _EPOCH_DAY),
    "time without time zone": _time,
    "timestamp without time zone": lambda value: _INT8((value - _EPOCH) // _MICROSECOND),
    "timestamp with time zone": _timestamptz,
    "interval": _interval,
    "uuid": lambda value: value.bytes,
    "int8range": lambda value: _RANGE(_LOWER_INCLUSIVE, 8, value[0], 8, value[1]),
}
