"""Engine values as properties of a graph: scalars and lists of scalars; the rest is JSON text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from coco_flow.targets.json_value import json_encoder
from coco_flow.types.schema import BasicValueType, ValueType

__all__ = ["Encoder", "element_type", "is_json_text", "property_encoder"]

Encoder: TypeAlias = Callable[[Any], Any]
"""Turns an engine value that is not None into what the database's client takes."""

_NUMBERS = ("Int64", "Float32", "Float64")
_NOT_IN_LISTS = ("Vector", "Union", "Json", "Range")


def element_type(value_type: ValueType) -> BasicValueType | None:
    """Return what a vector of scalars holds; None for every other type."""
    if not isinstance(value_type, BasicValueType) or value_type.vector is None:
        return None
    element = value_type.vector.element_type
    return None if element.kind in _NOT_IN_LISTS else element


def is_json_text(value_type: ValueType) -> bool:
    """Say whether values of the type are stored as JSON text: no property can hold them."""
    if not isinstance(value_type, BasicValueType):
        return True
    if value_type.kind == "Vector":
        return element_type(value_type) is None
    return value_type.kind in ("Json", "Union")


def property_encoder(value_type: ValueType, scalars: Mapping[str, Encoder]) -> Encoder | None:
    """Return the encoder for a type, or None if its engine values are taken as they are.

    Args:
        value_type: What is stored.
        scalars: The database's encoders of scalars, by kind.
    """
    if is_json_text(value_type):
        return _json_text(value_type)
    element = element_type(value_type)
    if element is not None:
        return _scalar_list(scalars.get(element.kind))
    return scalars.get(value_type.kind)


def _json_text(value_type: ValueType) -> Encoder:
    encode = json_encoder(value_type)

    def text(value: Any) -> str:
        plain = value if encode is None else encode(value)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    return text


def _scalar_list(encode: Encoder | None) -> Encoder:
    def encode_list(value: Any) -> list[Any]:
        # Vectors of numbers are NumPy arrays, whose own conversion is the fastest.
        values = value.tolist() if hasattr(value, "tolist") else value
        return list(values) if encode is None else [encode(each) for each in values]

    return encode_list
