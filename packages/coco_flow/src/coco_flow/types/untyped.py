"""Binary codec of values whose type is not known beforehand, and of the keys of rows."""

from __future__ import annotations

import datetime
import sys
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgpack

from coco_flow.errors import ValueMismatch
from coco_flow.types import plain

__all__ = ["pack_any", "pack_key", "restore_extension", "unpack_any", "unpack_key"]

# Codes of msgpack extensions. They are stored: never give a code another meaning.
_DATETIME: Final = 1
_LOCAL_DATETIME: Final = 2
_DATE: Final = 3
_TIME: Final = 4
_TIMEDELTA: Final = 5
_UUID: Final = 6
_ARRAY: Final = 7
_TUPLE: Final = 8
_BIG_INT: Final = plain.BIG_INT
_MAP: Final = 10

# Arrays of these kinds are plain numbers; others could hold objects.
_ARRAY_KINDS: Final = "biufc"

_AS_THEY_ARE: Final = frozenset({str, bytes, bool, float, type(None)})


def pack_any(value: Any) -> bytes:
    """Return the bytes of a value; equal values of equal types have equal bytes.

    Takes what flows hold: scalars, lists, tuples, dicts, arrays of numbers, in any depth.

    Raises:
        ValueMismatch: There is something else in it.
    """
    return plain.pack(_extended(value))


def unpack_any(data: bytes) -> Any:
    """Return the value whose bytes these are."""
    return msgpack.unpackb(data, ext_hook=restore_extension, unicode_errors=plain.UNICODE_ERRORS)


def pack_key(key: tuple[Any, ...]) -> bytes:
    """Return the bytes of a row's key; equal keys have equal bytes."""
    return _pack_key(key)


def unpack_key(data: bytes) -> tuple[Any, ...]:
    """Return the key whose bytes these are; every sequence in it is a tuple."""
    key: tuple[Any, ...] = msgpack.unpackb(
        data,
        use_list=False,
        ext_hook=restore_extension,
        unicode_errors=plain.UNICODE_ERRORS,
    )
    return key


def _extended(value: Any) -> Any:
    """Return the value in msgpack's own types and extensions."""
    cls = value.__class__
    if cls in _AS_THEY_ARE:
        return value
    if cls is int:
        return plain.int_or_extension(value)
    if cls is list:
        return [_extended(item) for item in value]
    if cls is dict:
        return _extended_dict(value)
    extend = _EXTENSIONS.get(cls)
    if extend is not None:
        return extend(value)
    return _extended_subclass(value)


def _extended_key_part(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        # Equal instants are equal keys, whatever their zones.
        return _datetime_extension(plain.in_utc(value))
    return _extended(value)


_pack_key = plain.ThreadPacker(_extended_key_part).pack


def _extended_dict(value: dict[Any, Any]) -> Any:
    if all(key.__class__ is str for key in value):
        return {key: _extended(value[key]) for key in sorted(value)}
    items = sorted((pack_any(key), _extended(item)) for key, item in value.items())
    return _extension(_MAP, [list(item) for item in items])


def _extended_subclass(value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.generic):
            return _extended(value.item())
        if isinstance(value, numpy.ndarray) and value.dtype.kind in _ARRAY_KINDS:
            order = value.dtype.newbyteorder("<")
            data = value.astype(order, copy=False).tobytes()
            return _extension(_ARRAY, [order.str, list(value.shape), data])
    if isinstance(value, datetime.datetime):
        return _datetime_extension(value)
    raise ValueMismatch(
        f"A value of the type {type(value).__qualname__} cannot be stored: {value!r}.",
        hint="Use strings, bytes, numbers, dates, UUIDs, arrays, and lists and dicts of them.",
    )


def _extension(code: int, content: Any) -> msgpack.ExtType:
    return msgpack.ExtType(code, plain.pack(content))


def _datetime_extension(value: datetime.datetime) -> msgpack.ExtType:
    if value.tzinfo is None:
        return _extension(_LOCAL_DATETIME, plain.from_local_datetime(value))
    return _extension(_DATETIME, plain.from_offset_datetime(value))


def _time_extension(value: datetime.time) -> msgpack.ExtType:
    if value.tzinfo is not None:
        raise ValueMismatch(
            f"A time with a zone cannot be stored: {value!r}.", hint="Use a datetime."
        )
    return _extension(_TIME, plain.from_time(value))


_EXTENSIONS: Final[dict[type, Callable[[Any], msgpack.ExtType]]] = {
    tuple: lambda value: _extension(_TUPLE, [_extended(item) for item in value]),
    datetime.datetime: _datetime_extension,
    datetime.date: lambda value: _extension(_DATE, value.toordinal()),
    datetime.time: _time_extension,
    datetime.timedelta: lambda value: _extension(_TIMEDELTA, plain.from_timedelta(value)),
    uuid.UUID: lambda value: msgpack.ExtType(_UUID, value.bytes),
}


def restore_extension(code: int, data: bytes) -> Any:
    """Return the value of an extension; msgpack calls it while it reads."""
    if code == _UUID:
        return uuid.UUID(bytes=data)
    if code == _BIG_INT:
        return plain.to_big_int(data)
    restore = _RESTORERS.get(code)
    if restore is None:
        raise ValueError(f"The stored value has an extension of unknown code {code}.")
    return restore(unpack_any(data))


def _restored_array(content: list[Any]) -> Any:
    import numpy as np

    dtype, shape, data = content
    return np.frombuffer(data, np.dtype(dtype)).reshape(shape)


_RESTORERS: Final[dict[int, Callable[[Any], Any]]] = {
    _DATETIME: plain.to_offset_datetime,
    _LOCAL_DATETIME: plain.to_local_datetime,
    _DATE: datetime.date.fromordinal,
    _TIME: plain.to_time,
    _TIMEDELTA: plain.to_timedelta,
    _ARRAY: _restored_array,
    _TUPLE: tuple,
    _MAP: lambda items: {unpack_any(key): item for key, item in items},
}
