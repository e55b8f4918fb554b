"""Conversion of single values to and from msgpack's own types: numbers, strings, lists, maps."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgpack

from coco_flow.types.scalars import to_fixed_offset

__all__ = [
    "BIG_INT",
    "UNICODE_ERRORS",
    "ThreadPacker",
    "from_json",
    "from_local_datetime",
    "from_offset_datetime",
    "from_range",
    "from_time",
    "from_timedelta",
    "in_utc",
    "int_or_extension",
    "pack",
    "to_big_int",
    "to_local_datetime",
    "to_offset_datetime",
    "to_time",
    "to_timedelta",
]

BIG_INT: Final = 9
"""Code of the extension for integers of more than 64 bits."""

UNICODE_ERRORS: Final = "surrogatepass"
"""File names may hold bytes that are no UTF-8; Python keeps them as lone surrogates."""

_LOCAL_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - for datetimes without zone
_DAY_MICROS = 86_400_000_000
# A packer's buffer grows with its largest value and never shrinks: beyond this size it is replaced.
_BUFFER_BYTES = 64 * 1024
_KEPT_BYTES = 1024 * 1024

_INT_MIN = -(2**63)
_UINT_MAX = 2**64 - 1


class ThreadPacker(threading.local):
    """The packer of each thread: one that two threads shared could be entered by both.

    `extend` makes an extension of what msgpack has no type for; it must not use the same packer.
    """

    def __init__(self, extend: Callable[[Any], Any] | None = None) -> None:
        self._extend = extend
        self._renew()

    def _renew(self) -> None:
        packer = msgpack.Packer(
            default=self._extend, unicode_errors=UNICODE_ERRORS, buf_size=_BUFFER_BYTES
        )
        self._pack: Callable[[Any], bytes] = packer.pack

    def pack(self, value: Any) -> bytes:
        """Return the bytes of a value."""
        data = self._pack(value)
        if len(data) > _KEPT_BYTES:
            self._renew()
        return data


pack: Callable[[Any], bytes] = ThreadPacker().pack
"""Return the bytes of a value that has only msgpack's own types and extensions."""


def int_or_extension(value: int) -> Any:
    """Return the integer itself if msgpack can write it, else an extension."""
    if _INT_MIN <= value <= _UINT_MAX:
        return value
    size = value.bit_length() // 8 + 1
    return msgpack.ExtType(BIG_INT, value.to_bytes(size, "little", signed=True))


def to_big_int(data: bytes) -> int:
    """Return the integer of an extension."""
    return int.from_bytes(data, "little", signed=True)


def _micros(delta: datetime.timedelta) -> int:
    return delta.days * _DAY_MICROS + delta.seconds * 1_000_000 + delta.microseconds


def from_timedelta(value: datetime.timedelta) -> Any:
    """Return the microseconds, or days and microseconds where 64 bits do not hold them."""
    micros = _micros(value)
    if _INT_MIN <= micros <= _UINT_MAX:
        return micros
    return [value.days, micros - value.days * _DAY_MICROS]


def to_timedelta(value: Any) -> datetime.timedelta:
    """Return the duration that `from_timedelta` wrote."""
    if isinstance(value, list | tuple):
        return datetime.timedelta(days=value[0], microseconds=value[1])
    return datetime.timedelta(microseconds=value)


def from_time(value: datetime.time) -> int:
    """Return the microseconds since midnight."""
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return seconds * 1_000_000 + value.microsecond


def to_time(value: int) -> datetime.time:
    """Return the time that `from_time` wrote."""
    seconds, micros = divmod(value, 1_000_000)
    return datetime.time(seconds // 3600, seconds // 60 % 60, seconds % 60, micros)


def from_local_datetime(value: datetime.datetime) -> int:
    """Return the microseconds since 1970."""
    return _micros(value - _LOCAL_EPOCH)


def to_local_datetime(value: int) -> datetime.datetime:
    """Return the datetime that `from_local_datetime` wrote."""
    return _LOCAL_EPOCH + datetime.timedelta(microseconds=value)


def from_offset_datetime(value: datetime.datetime) -> Any:
    """Return the microseconds of local time since 1970, with the offset's if it is not UTC.

    Local time and offset, and not the instant: near the first and the last year the instant may
    be one that a datetime cannot hold.
    """
    fixed = to_fixed_offset(value)
    offset = _micros(fixed.utcoffset() or datetime.timedelta())
    local = from_local_datetime(fixed.replace(tzinfo=None))
    return [local, offset] if offset else local


def to_offset_datetime(value: Any) -> datetime.datetime:
    """Return the datetime that `from_offset_datetime` wrote."""
    if isinstance(value, list | tuple):
        zone = datetime.timezone(datetime.timedelta(microseconds=value[1]))
        return to_local_datetime(value[0]).replace(tzinfo=zone)
    return to_local_datetime(value).replace(tzinfo=datetime.UTC)


def in_utc(value: datetime.datetime) -> datetime.datetime:
    """Return the instant in UTC; unchanged near year 1 or 9999, where UTC cannot represent it."""
    try:
        return value.astimezone(datetime.UTC)
    except OverflowError:
        return value


def from_range(value: Sequence[int]) -> list[int]:
    """Return the two ends."""
    start, end = value
    return [start, end]


def from_json(value: Any) -> Any:
    """Return the JSON with the keys of its objects in order.

    Raises:
        TypeError: A key is no string.
    """
    if isinstance(value, dict):
        if any(key.__class__ is not str for key in value):
            raise TypeError(f"the keys of a JSON object are strings, got {list(value)!r}")
        return {key: from_json(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [from_json(item) for item in value]
    return int_or_extension(value) if value.__class__ is int else value
