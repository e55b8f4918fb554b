"""Specs as JSON and back: dataclasses, NamedTuples, Pydantic models, enums, durations, types."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import sys
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, overload

from coco_flow.types.analysis import (
    MISSING,
    AnyType,
    BasicType,
    DataTypeInfo,
    MappingType,
    SequenceType,
    StructType,
    UnionType,
    analyze_type_info,
    is_namedtuple_type,
    is_numpy_number_type,
    is_pydantic_model,
)
from coco_flow.types.decode import auto_default
from coco_flow.types.schema import EnrichedValueType, FieldSchema, encode_enriched_type

__all__ = ["dump_engine_object", "get_auto_default_for_type", "load_engine_object"]

T = TypeVar("T")

_MICROSECOND = datetime.timedelta(microseconds=1)


def get_auto_default_for_type(type_info: DataTypeInfo) -> tuple[Any, bool]:
    """Return the value that an absent field of this type gets, and whether there is one."""
    make = auto_default(type_info)
    return (None, False) if make is None else (make(), True)


def dump_engine_object(v: Any, *, bytes_to_base64: bool = False) -> Any:
    """Return a spec as JSON.

    Fields that are None are left out, except in a NamedTuple. A class attribute `kind` is included,
    so that `load_engine_object` finds the right class of a union.

    Args:
        v: The spec.
        bytes_to_base64: Write bytes as a tagged string; otherwise they stay bytes.
    """
    if v is None or (isinstance(v, str | bool | int | float) and not isinstance(v, Enum)):
        return v
    if isinstance(v, EnrichedValueType | FieldSchema):
        return v.encode()
    if isinstance(v, type) or typing.get_origin(v) is not None:
        return encode_enriched_type(v)
    if isinstance(v, Enum):
        return v.value
    if isinstance(v, datetime.timedelta):
        seconds, micros = divmod(v // _MICROSECOND, 1_000_000)
        return {"secs": seconds, "nanos": micros * 1000}
    if isinstance(v, bytes) and bytes_to_base64:
        return {"@type": "bytes", "value": base64.b64encode(v).decode("ascii")}
    fields = _fields_of(v)
    if fields is not None:
        dumped = {
            name: dump_engine_object(item, bytes_to_base64=bytes_to_base64)
            for name, item in fields.items()
        }
        if hasattr(v, "kind"):
            dumped.setdefault("kind", v.kind)
        return dumped
    if isinstance(v, list | tuple):
        return [dump_engine_object(item, bytes_to_base64=bytes_to_base64) for item in v]
    if isinstance(v, dict):
        return {
            key: dump_engine_object(item, bytes_to_base64=bytes_to_base64)
            for key, item in v.items()
        }
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(v, numpy.ndarray | numpy.generic):
        return v.tolist()
    return v


def _fields_of(v: Any) -> dict[str, Any] | None:
    """Return the fields of a struct, or None for anything else."""
    if is_namedtuple_type(type(v)):
        return {name: getattr(v, name) for name in v._fields}
    if dataclasses.is_dataclass(v):
        names = [field.name for field in dataclasses.fields(v)]
    elif is_pydantic_model(type(v)):
        names = list(type(v).model_fields)
    elif hasattr(v, "__dict__"):
        names = list(vars(v))
    else:
        return None
    return {name: item for name in names if (item := getattr(v, name)) is not None}


@overload
def load_engine_object(expected_type: type[T], v: Any) -> T: ...
@overload
def load_engine_object(expected_type: Any, v: Any) -> Any: ...
def load_engine_object(expected_type: Any, v: Any) -> Any:
    """Return the object of the expected type that `dump_engine_object` wrote.

    Raises:
        TypeError: A field without default is missing (a Pydantic model raises its own error).
    """
    if v is None:
        return None
    info = analyze_type_info(expected_type)
    core = info.core_type
    if core is EnrichedValueType or core is FieldSchema:
        return core.decode(v)
    if isinstance(core, type) and issubclass(core, Enum):
        return core(v)
    variant = info.variant
    if isinstance(variant, AnyType):
        return v
    if isinstance(variant, BasicType):
        return _load_scalar(variant.kind, v)
    if isinstance(variant, SequenceType):
        return _load_sequence(info, variant, v)
    if isinstance(variant, MappingType):
        return {
            load_engine_object(variant.key_type, key): load_engine_object(variant.value_type, item)
            for key, item in v.items()
        }
    if isinstance(variant, StructType):
        return _load_struct(variant, v)
    if isinstance(variant, UnionType):
        return _load_union(variant, v)
    return v


def _load_scalar(kind: str, v: Any) -> Any:
    if kind == "TimeDelta" and isinstance(v, Mapping):
        micros = int(v["nanos"]) // 1000
        return datetime.timedelta(seconds=int(v["secs"]), microseconds=micros)
    if kind == "Bytes" and isinstance(v, Mapping) and v.get("@type") == "bytes":
        return base64.b64decode(v["value"])
    if kind == "Range" and isinstance(v, list):
        return tuple(v)
    return v


def _load_sequence(info: DataTypeInfo, variant: SequenceType, v: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None and info.base_type is numpy.ndarray:
        dtype = variant.elem_type if is_numpy_number_type(variant.elem_type) else None
        return numpy.array(v, dtype=dtype)
    return [load_engine_object(variant.elem_type, item) for item in v]


def _load_struct(variant: StructType, v: Mapping[str, Any]) -> Any:
    arguments: dict[str, Any] = {}
    for field in variant.fields:
        if field.name in v:
            arguments[field.keyword] = load_engine_object(field.type_hint, v[field.name])
        elif field.default_value is MISSING:
            make = auto_default(analyze_type_info(field.type_hint))
            if make is not None:
                arguments[field.keyword] = make()
    return variant.struct_type(**arguments)


def _load_union(variant: UnionType, v: Any) -> Any:
    infos = [analyze_type_info(t) for t in variant.variant_types]
    if isinstance(v, Mapping):
        for info in infos:
            if isinstance(info.variant, StructType) and "kind" in v:
                struct_type = info.variant.struct_type
                if getattr(struct_type, "kind", None) == v["kind"]:
                    return _load_struct(info.variant, v)
    for info in infos:
        try:
            return load_engine_object(info.core_type, v)
        except (TypeError, ValueError):
            continue
    return v
