"""Encoders of scalar values: each checks the declared type and yields the engine's own form."""

from __future__ import annotations

import datetime
import math
import numbers
import operator
import struct
import sys
import uuid
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from coco_flow.errors import DefinitionError
from coco_flow.types.mismatch import Path, mismatch

__all__ = ["IDENTITY", "Encoder", "make_scalar_encoder", "to_fixed_offset", "without_numpy_scalars"]

Encoder: TypeAlias = Callable[[Any], Any]

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_FLOAT32 = struct.Struct("<f")


def _identity(value: Any) -> Any:
    return value


IDENTITY: Final[Encoder] = _identity
"""Conversion that changes nothing; test for it with `is` and leave the call out."""


def make_scalar_encoder(kind: str, path: Path) -> Encoder:
    """Return the encoder for a kind; None passes through it.

    Raises:
        DefinitionError: The kind is not one of a scalar or JSON.
    """
    factory = _FACTORIES.get(kind)
    if factory is None:
        raise DefinitionError(
            f"The kind {kind!r} is not one of a scalar.",
            hint=f"Kinds are: {', '.join(_FACTORIES)}.",
        )
    return factory(tuple(path))


def without_numpy_scalars(value: Any) -> Any:
    """Return the value with numpy scalars as Python numbers and tuples as lists."""
    if isinstance(value, list | tuple):
        return [without_numpy_scalars(element) for element in value]
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    return value


def to_fixed_offset(value: datetime.datetime) -> datetime.datetime:
    """Return the same instant with a fixed offset, UTC if it has no zone.

    A zone with rules cannot be stored, and a value must be the same before and after it was
    stored.
    """
    zone = value.tzinfo
    if zone.__class__ is datetime.timezone:
        return value
    offset = value.utcoffset()
    if offset is None:
        return value.replace(tzinfo=datetime.UTC)
    return value.replace(tzinfo=datetime.timezone(offset), fold=0)


def _make_checked(cls: type, noun: str, convert: Callable[[Any], Any]) -> Callable[[Path], Encoder]:
    """Return a factory of encoders that let `cls` pass and try `convert` on anything else.

    `convert` raises TypeError, ValueError or OverflowError for a value of another type.
    """

    def factory(path: Path) -> Encoder:
        def encode(value: Any) -> Any:
            if value.__class__ is cls or value is None:
                return value
            try:
                return convert(value)
            except (TypeError, ValueError, OverflowError) as error:
                raise mismatch(path, f"Expected {noun}", value) from error

        return encode

    return factory


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError


def _to_str(value: Any) -> str:
    # A plain string from a subclass such as StrEnum, whose own __str__ may say something else.
    return str.__str__(value)


def _to_bool(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.bool_):
        return bool(value)
    raise TypeError


def _to_uuid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return uuid.UUID(int=value.int)
    raise TypeError


def _to_date(value: Any) -> datetime.date:
    if isinstance(value, datetime.date):
        return datetime.date(value.year, value.month, value.day)
    raise TypeError


def _to_timedelta(value: Any) -> datetime.timedelta:
    if isinstance(value, datetime.timedelta):
        return datetime.timedelta(value.days, value.seconds, value.microseconds)
    raise TypeError


def _int64(path: Path) -> Encoder:
    index = operator.index

    def encode(value: Any) -> Any:
        if value is None:
            return None
        if value.__class__ is not int:
            try:
                value = int(index(value))
            except TypeError as error:
                raise mismatch(path, "Expected an integer", value) from error
        if _INT64_MIN <= value <= _INT64_MAX:
            return value
        raise mismatch(path, "Expected an integer of 64 bits", value)

    return encode


def _to_float(value: Any) -> float:
    if isinstance(value, numbers.Real):
        return float(value)
    raise TypeError


def _to_float32(value: Any) -> float:
    single: float = _FLOAT32.unpack(_FLOAT32.pack(_to_float(value)))[0]
    return single


def _time(path: Path) -> Encoder:
    def encode(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, datetime.time):
            raise mismatch(path, "Expected a time", value)
        return value if value.tzinfo is None else value.replace(tzinfo=None)

    return encode


def _local_datetime(path: Path) -> Encoder:
    def encode(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, datetime.datetime) or value.tzinfo is not None:
            raise mismatch(path, "Expected a datetime without zone", value)
        return value

    return encode


def _offset_datetime(path: Path) -> Encoder:
    def encode(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, datetime.datetime):
            raise mismatch(path, "Expected a datetime", value)
        return to_fixed_offset(value)

    return encode


def _range(path: Path) -> Encoder:
    bound = _int64(path)

    def encode(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise mismatch(path, "Expected a range (start, end)", value)
        start, end = bound(value[0]), bound(value[1])
        if start is None or end is None:
            raise mismatch(path, "Expected a range (start, end)", value)
        return (start, end)

    return encode


def _json(path: Path) -> Encoder:
    def encode(value: Any) -> Any:
        cls = value.__class__
        if cls is str or cls is int or cls is bool or value is None:
            return value
        if cls is float:
            # JSON has no NaN and no infinity.
            return value if math.isfinite(value) else None
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise mismatch(path, "Expected strings as keys of a JSON object", key)
            return {_to_str(key): encode(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [encode(item) for item in value]
        # Subclasses, such as those of enums and numpy.
        if isinstance(value, str):
            return _to_str(value)
        if isinstance(value, numbers.Integral):
            return int(value)
        if isinstance(value, numbers.Real):
            return encode(float(value))
        plain = without_numpy_scalars(value)
        if plain is value:
            raise mismatch(path, "Expected JSON", value)
        return encode(plain)

    return encode


def _float32(path: Path) -> Encoder:
    # Floats are converted as well, so that a value is the same before and after it was stored.
    return _make_checked(type(None), "a number of 32 bits", _to_float32)(path)


_FACTORIES: Final[dict[str, Callable[[Path], Encoder]]] = {
    "Bytes": _make_checked(bytes, "bytes", _to_bytes),
    "Str": _make_checked(str, "a string", _to_str),
    "Bool": _make_checked(bool, "a bool", _to_bool),
    "Int64": _int64,
    "Float32": _float32,
    "Float64": _make_checked(float, "a number", _to_float),
    "Range": _range,
    "Uuid": _make_checked(uuid.UUID, "a UUID", _to_uuid),
    "Date": _make_checked(datetime.date, "a date", _to_date),
    "Time": _time,
    "LocalDateTime": _local_datetime,
    "OffsetDateTime": _offset_datetime,
    "TimeDelta": _make_checked(datetime.timedelta, "a timedelta", _to_timedelta),
    "Json": _json,
}
