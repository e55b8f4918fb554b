"""Analysis of Python annotations: which type of the engine each of them means."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import inspect
import sys
import types
import typing
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, TypeAlias

from coco_flow.errors import DefinitionError
from coco_flow.types.annotations import TypeAttr, TypeKind, VectorInfo
from coco_flow.types.choices import choice_kind

__all__ = [
    "ANY_TYPE_INFO",
    "MISSING",
    "AnyType",
    "BasicType",
    "DataTypeInfo",
    "MappingType",
    "OtherType",
    "SequenceType",
    "StructFieldInfo",
    "StructType",
    "TypeVariant",
    "UnionType",
    "analyze_type_info",
    "dtype_kind",
    "extract_ndarray_elem_dtype",
    "is_namedtuple_type",
    "is_numpy_number_type",
    "is_pydantic_model",
    "is_struct_type",
]

MISSING: Any = inspect.Parameter.empty
"""The default of a field that has none, and the annotation of a parameter that has none."""

_BASIC_KINDS: dict[Any, str] = {
    bytes: "Bytes",
    str: "Str",
    bool: "Bool",
    int: "Int64",
    float: "Float64",
    uuid.UUID: "Uuid",
    datetime.date: "Date",
    datetime.time: "Time",
    datetime.datetime: "OffsetDateTime",
    datetime.timedelta: "TimeDelta",
}

_DTYPE_KINDS = {"float32": "Float32", "float64": "Float64", "int64": "Int64"}


@dataclass(frozen=True, slots=True)
class AnyType:
    """The annotation is missing, or matches everything."""


@dataclass(frozen=True, slots=True)
class BasicType:
    """A scalar or JSON."""

    kind: str


@dataclass(frozen=True, slots=True)
class SequenceType:
    """A list, sequence or numpy array: a vector, or a table when the element is a struct."""

    elem_type: Any
    vector_info: VectorInfo | None


@dataclass(frozen=True, slots=True)
class StructFieldInfo:
    """One field of a struct.

    Attributes:
        name: The field's name.
        type_hint: Its annotation, resolved.
        default_value: Its default, or `MISSING`; a default made by a factory is made for each call.
        description: The description of a Pydantic field.
        keyword: The name by which the constructor takes it.
        positional: Whether the constructor takes it by position too.
    """

    name: str
    type_hint: Any
    default_value: Any
    description: str | None = None
    keyword: str = ""
    positional: bool = True


@dataclass(frozen=True, slots=True)
class StructType:
    """A dataclass, NamedTuple or Pydantic model."""

    struct_type: type

    @property
    def fields(self) -> tuple[StructFieldInfo, ...]:
        """The fields in order of declaration."""
        return _struct_fields(self.struct_type)


@dataclass(frozen=True, slots=True)
class UnionType:
    """A union of more than one type; None is taken out and makes the type nullable."""

    variant_types: list[Any]


@dataclass(frozen=True, slots=True)
class MappingType:
    """A dict or mapping: a table with a key when the value is a struct."""

    key_type: Any
    value_type: Any


@dataclass(frozen=True, slots=True)
class OtherType:
    """An annotation that means no type of the engine."""


TypeVariant: TypeAlias = (
    AnyType | BasicType | SequenceType | MappingType | StructType | UnionType | OtherType
)


class DataTypeInfo(NamedTuple):
    """What an annotation means.

    Attributes:
        core_type: The type without annotations, such as `list[int]`.
        base_type: The type without annotations and parameters, such as `list`.
        variant: What it is to the engine.
        attrs: Its attributes, from `TypeAttr`.
        nullable: Whether it may be None.
    """

    core_type: Any
    base_type: Any
    variant: TypeVariant
    attrs: dict[str, Any] | None
    nullable: bool = False


def extract_ndarray_elem_dtype(ndarray_type: Any) -> Any:
    """Return the element type of an `NDArray[T]`."""
    args = typing.get_args(ndarray_type)
    dtype_args = typing.get_args(args[1]) if len(args) == 2 else ()
    if not dtype_args:
        raise DefinitionError(
            f"The array type {ndarray_type!r} names no element type.",
            hint="Write NDArray[np.float32], for example.",
        )
    return dtype_args[0]


def is_numpy_number_type(t: Any) -> bool:
    """Say whether `t` is a numpy integer or float type; does not import numpy."""
    numpy = sys.modules.get("numpy")
    return (
        numpy is not None and isinstance(t, type) and issubclass(t, (numpy.integer, numpy.floating))
    )


def is_namedtuple_type(t: Any) -> bool:
    """Say whether `t` is a NamedTuple class."""
    return isinstance(t, type) and issubclass(t, tuple) and hasattr(t, "_fields")


def is_pydantic_model(t: Any) -> bool:
    """Say whether `t` is a Pydantic model; does not import Pydantic."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not isinstance(t, type):
        return False
    try:
        return issubclass(t, pydantic.BaseModel)
    except TypeError:  # A parametrized generic passes isinstance(t, type) on Python 3.11.
        return False


def is_struct_type(t: Any) -> bool:
    """Say whether `t` is a class with named fields: dataclass, NamedTuple or Pydantic model."""
    return isinstance(t, type) and (
        dataclasses.is_dataclass(t) or is_namedtuple_type(t) or is_pydantic_model(t)
    )


def dtype_kind(dtype: Any) -> str:
    """Return the kind of a numpy number type; only float32, float64 and int64 have one."""
    if dtype is Any:
        raise DefinitionError(
            "An NDArray must have a concrete numpy dtype, got Any.",
            hint="Write NDArray[np.float32], for example.",
        )
    kind = _DTYPE_KINDS.get(getattr(dtype, "__name__", "")) if is_numpy_number_type(dtype) else None
    if kind is None:
        raise DefinitionError(
            f"Unsupported NumPy dtype: {dtype!r}.", hint="Use np.float32, np.float64 or np.int64."
        )
    return kind


def analyze_type_info(
    annotation: Any, *, nullable: bool = False, extra_attrs: Mapping[str, Any] | None = None
) -> DataTypeInfo:
    """Analyze an annotation; one that the engine has no type for yields `OtherType`.

    Args:
        annotation: The annotation.
        nullable: Whether something around it makes it nullable already.
        extra_attrs: Attributes to add to its own.

    Raises:
        DefinitionError: A numpy type has no kind in the engine.
    """
    marks: list[Any] = []
    t = annotation
    while True:
        origin = typing.get_origin(t)
        if origin is Annotated:
            marks = [*t.__metadata__, *marks]
            t = t.__origin__
            continue
        if origin in (types.UnionType, typing.Union):
            args = typing.get_args(t)
            rest = [arg for arg in args if arg not in (None, types.NoneType)]
            nullable = nullable or len(rest) < len(args)
            if len(rest) == 1:
                t = rest[0]
                continue
        break
    attrs = {mark.key: mark.value for mark in marks if isinstance(mark, TypeAttr)}
    attrs.update(extra_attrs or {})
    return DataTypeInfo(
        core_type=t,
        base_type=t if origin is None else origin,
        variant=_variant(t, origin, marks),
        attrs=attrs or None,
        nullable=nullable,
    )


def _variant(t: Any, origin: Any, marks: list[Any]) -> TypeVariant:
    """Return what the type, with its annotations taken off, is to the engine."""
    kinds = [mark.kind for mark in marks if isinstance(mark, TypeKind)]
    if kinds:
        return BasicType(kinds[-1])
    base = t if origin is None else origin
    args = typing.get_args(t)
    if base is Any or base is MISSING:
        return AnyType()
    if is_struct_type(base):
        return StructType(t)
    if is_numpy_number_type(t):
        return BasicType(dtype_kind(t))
    if base is collections.abc.Sequence or base is list or _is_array(base):
        infos = [mark for mark in marks if isinstance(mark, VectorInfo)]
        if _is_array(base):
            element = extract_ndarray_elem_dtype(t)
            if element is Any or is_numpy_number_type(element):
                dtype_kind(element)
        else:
            element = args[0] if args else Any
        return SequenceType(element, infos[-1] if infos else None)
    if base is collections.abc.Mapping or base is dict:
        key, value = args or (Any, Any)
        return MappingType(key, value)
    if base in (types.UnionType, typing.Union):
        return UnionType([arg for arg in args if arg not in (None, types.NoneType)])
    kind = (_BASIC_KINDS.get(t) if isinstance(t, type) else None) or choice_kind(t)
    return OtherType() if kind is None else BasicType(kind)


def _is_array(base: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and base is numpy.ndarray


@lru_cache(maxsize=1024)
def _struct_fields(struct_type: type) -> tuple[StructFieldInfo, ...]:
    """Return the fields of a struct, with their annotations resolved."""
    base = typing.get_origin(struct_type) or struct_type
    try:
        hints = typing.get_type_hints(base, include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"An annotation of {base.__qualname__} names {error.name!r}, which is not defined in "
            f"the module {base.__module__!r}.",
            hint="Define it at the top level of that module.",
        ) from error
    if dataclasses.is_dataclass(base):
        return tuple(
            StructFieldInfo(
                name=f.name,
                type_hint=hints.get(f.name, Any),
                default_value=_dataclass_default(f),
                keyword=f.name,
                positional=not f.kw_only,
            )
            for f in dataclasses.fields(base)
            if f.init
        )
    if is_namedtuple_type(base):
        defaults: dict[str, Any] = getattr(base, "_field_defaults", {})
        names: tuple[str, ...] = getattr(base, "_fields", ())
        return tuple(
            StructFieldInfo(name, hints.get(name, Any), defaults.get(name, MISSING), keyword=name)
            for name in names
        )
    if is_pydantic_model(base):
        return tuple(
            StructFieldInfo(
                name=name,
                type_hint=hints.get(name, Any),
                default_value=MISSING if info.is_required() else info.default,
                description=info.description,
                keyword=info.validation_alias if isinstance(info.validation_alias, str) else name,
                positional=False,
            )
            for name, info in getattr(base, "model_fields", {}).items()
        )
    raise DefinitionError(
        f"{struct_type!r} is no struct.", hint="Use a dataclass, a NamedTuple or a Pydantic model."
    )


def _dataclass_default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    # The factory takes the place of a value: only its presence counts, since a constructor that is
    # not given the field calls the factory.
    return MISSING if field.default_factory is dataclasses.MISSING else field.default_factory


ANY_TYPE_INFO = analyze_type_info(MISSING)
"""The analysis of a parameter without annotation."""
