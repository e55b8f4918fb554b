"""Finds the variant of a union that a value belongs to, by the value's class."""

from __future__ import annotations

import datetime
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["make_variant_finder"]

# Classes of the engine's own values, for the kinds that have one.
_CLASSES: dict[str, type] = {
    "Bytes": bytes,
    "Str": str,
    "Bool": bool,
    "Int64": int,
    "Float64": float,
    "Float32": float,
    "Uuid": uuid.UUID,
    "Date": datetime.date,
    "Time": datetime.time,
    "TimeDelta": datetime.timedelta,
    "Range": tuple,
    "Vector": list,
}


def make_variant_finder(kinds: Sequence[str]) -> Callable[[Any], int | None]:
    """Return a function from a value to the index of the variant that has exactly its type.

    Of several such variants it is the first; JSON takes what no other variant does. None means
    that no variant has exactly this type.
    """
    by_class: dict[type, int] = {}
    for index, kind in enumerate(kinds):
        if kind in _CLASSES:
            by_class.setdefault(_CLASSES[kind], index)
    local = _first(kinds, "LocalDateTime")
    offset = _first(kinds, "OffsetDateTime")
    vector = _first(kinds, "Vector")
    json = _first(kinds, "Json")

    def find(value: Any) -> int | None:
        cls = value.__class__
        index = by_class.get(cls)
        if index is not None:
            return index
        if isinstance(value, datetime.datetime):
            naive_first = (local, offset) if value.tzinfo is None else (offset, local)
            return next((i for i in naive_first if i is not None), None)
        if vector is not None:
            numpy = sys.modules.get("numpy")
            if numpy is not None and cls is numpy.ndarray:
                return vector
        if cls in (dict, list, str, int, float, bool):
            return json
        return None

    return find


def _first(kinds: Sequence[str], kind: str) -> int | None:
    return kinds.index(kind) if kind in kinds else None
