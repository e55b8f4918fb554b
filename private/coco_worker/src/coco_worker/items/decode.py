"""JSON decoder of one item."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import orjson

from coco_worker.items.item import Rejection, RejectionReason

__all__ = ["Raw", "decode"]

Raw: TypeAlias = tuple[int, Any]
"""An item's position, with plain data that is yet to be checked, or its `Rejection`."""

# Each becomes a Python object of up to 230 bytes; a hundred thousand vectors have fewer.
_MOST_VALUES = 2_000_000

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


_BEFORE_A_VALUE = (b",", b"[", b"{")


def decode(index: int, data: bytes) -> object:
    """Return plain data, or a `Rejection` when the bytes are no JSON."""
    if index == 0:
        data = data.removeprefix(_BYTE_ORDER_MARK)
    if len(data) > _MOST_VALUES and sum(map(data.count, _BEFORE_A_VALUE)) > _MOST_VALUES:
        message = f"The item has more than {_MOST_VALUES} values."
        return Rejection(index, RejectionReason.TOO_LARGE, message)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _decode_anyway(index, data, error)


def _decode_anyway(index: int, data: bytes, first: orjson.JSONDecodeError) -> object:
    # Python's own encoder writes NaN and half surrogate pairs, which JSON does not have. Read them,
    # so that the check can name the field that holds them.
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        message = f"The item is not valid JSON: {str(first)[:200]}."
        return Rejection(index, RejectionReason.NOT_JSON, message)
