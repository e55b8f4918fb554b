"""JSON that people can read: indented, but numbers of a vector on one line."""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["json_text"]

_INDENT = "  "


def json_text(value: Any, depth: int = 0) -> str:
    """Return a value as indented JSON."""
    inner, outer = _INDENT * (depth + 1), _INDENT * depth
    if isinstance(value, dict) and value:
        parts = [
            f"{inner}{json.dumps(str(key), ensure_ascii=False)}: {json_text(item, depth + 1)}"
            for key, item in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{outer}}}"
    if isinstance(value, list | tuple) and value and not _is_flat(value):
        parts = [f"{inner}{json_text(item, depth + 1)}" for item in value]
        return "[\n" + ",\n".join(parts) + f"\n{outer}]"
    return json.dumps(_finite(value), ensure_ascii=False, default=str)


def _finite(value: Any) -> Any:
    """Return null for NaN and infinity, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _is_flat(value: list[Any] | tuple[Any, ...]) -> bool:
    return all(isinstance(item, int | float) for item in value)
