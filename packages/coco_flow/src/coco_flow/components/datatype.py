"""Analysis of Python type annotations, and checks of values against them."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Generic, NamedTuple, TypeAlias, TypeVar

from coco_flow.types.analysis import (
    is_namedtuple_type,
    is_numpy_number_type,
    is_pydantic_model,
)
from coco_flow.types.analysis import is_struct_type as is_record_type

__all__ = [
    "AnyType",
    "DataTypeInfo",
    "LeafType",
    "MappingType",
    "RecordFieldInfo",
    "RecordType",
    "SequenceType",
    "TypeChecker",
    "TypeVariant",
    "UnionType",
    "analyze_type_info",
    "extract_ndarray_elem_dtype",
    "is_namedtuple_type",
    "is_numpy_number_type",
    "is_pydantic_model",
    "is_record_type",
]

T = TypeVar("T")

_UNIONS = (types.UnionType, typing.Union)
# `type X = ...` exists since Python 3.12, and NumPy 2.5 defines NDArray by it.
_TypeAliasType: Any = getattr(typing, "TypeAliasType", None)


class AnyType(NamedTuple):
    """No annotation, or Any."""


class SequenceType(NamedTuple):
    """A list of any kind: list[T], Sequence[T], NDArray[T]."""

    elem_type: Any


class RecordFieldInfo(NamedTuple):
    """A field of a record; `default_value` is Parameter.empty if there is none."""

    name: str
    type_hint: Any
    default_value: Any
    description: str | None


class RecordType(NamedTuple):
    """A dataclass, NamedTuple or Pydantic model."""

    record_type: type

    @property
    def fields(self) -> Iterator[RecordFieldInfo]:
        """The fields in the order of their definition."""
        cls = self.record_type
        hints = typing.get_type_hints(cls, include_extras=True)
        for name, default, description in _record_fields(cls):
            yield RecordFieldInfo(name, hints.get(name, Any), default, description)


class UnionType(NamedTuple):
    """One of several types, without None."""

    variant_types: list[Any]


class MappingType(NamedTuple):
    """A dict of any kind."""

    key_type: Any
    value_type: Any


class LeafType(NamedTuple):
    """A type without parts."""


TypeVariant: TypeAlias = AnyType | SequenceType | MappingType | RecordType | UnionType | LeafType


class DataTypeInfo(NamedTuple):
    """What an annotation says.

    Attributes:
        core_type: The type without Annotated and without None.
        base_type: The core type without parameters: list for list[int].
        variant: Its kind and parts.
        nullable: Whether None is allowed.
        annotations: What Annotated has besides the type.
    """

    core_type: Any
    base_type: Any
    variant: TypeVariant
    nullable: bool = False
    annotations: tuple[Any, ...] = ()


def _record_fields(cls: Any) -> Iterator[tuple[str, Any, str | None]]:
    empty = inspect.Parameter.empty
    if dataclasses.is_dataclass(cls):
        signature = inspect.signature(cls)  # type: ignore[arg-type]  # cls is a class, not a value
        for name, parameter in signature.parameters.items():
            yield name, parameter.default, None
    elif is_namedtuple_type(cls):
        for name in cls._fields:
            yield name, cls._field_defaults.get(name, empty), None
    elif is_pydantic_model(cls):
        for name, field in cls.model_fields.items():
            yield name, empty if field.is_required() else field.default, field.description
    else:
        raise ValueError(
            f"Unsupported record type: {cls}. Use a dataclass, NamedTuple or Pydantic model."
        )


def extract_ndarray_elem_dtype(ndarray_type: Any) -> Any:
    """Return the type of an array's elements from its annotation."""
    parts = typing.get_args(ndarray_type)
    dtype = typing.get_args(parts[1]) if len(parts) > 1 else ()
    if not dtype:
        raise ValueError(
            f"Invalid dtype specification: {ndarray_type}. Write NDArray[numpy.float32], say."
        )
    return dtype[0]


def analyze_type_info(t: Any, *, nullable: bool = False) -> DataTypeInfo:
    """Take an annotation apart."""
    annotations: tuple[Any, ...] = ()
    while (inner := _unwrapped(t)) is not None:
        annotations += getattr(t, "__metadata__", ())
        t = inner
    base = typing.get_origin(t) or t
    parts = typing.get_args(t)
    if base in _UNIONS:
        members = [each for each in parts if each is not types.NoneType]
        if len(members) == 1:
            info = analyze_type_info(members[0], nullable=True)
            return info._replace(annotations=annotations + info.annotations)
        nullable = nullable or len(members) < len(parts)
        return DataTypeInfo(t, base, UnionType(members), nullable, annotations)
    return DataTypeInfo(t, base, _variant(t, base, parts), nullable, annotations)


def _unwrapped(t: Any) -> Any:
    """Return the type in an Annotated or a type alias, or None if it is neither."""
    origin = typing.get_origin(t)
    if origin is Annotated:
        return t.__origin__
    if _TypeAliasType is not None:
        if isinstance(t, _TypeAliasType):
            return t.__value__
        if isinstance(origin, _TypeAliasType):
            return origin.__value__[typing.get_args(t)]
    return None


def _variant(t: Any, base: Any, parts: tuple[Any, ...]) -> TypeVariant:
    if base is Any or base is inspect.Parameter.empty:
        return AnyType()
    if is_record_type(base):
        return RecordType(t)
    if base is collections.abc.Sequence or base is list:
        return SequenceType(parts[0] if parts else Any)
    if getattr(base, "__module__", None) == "numpy" and base.__name__ == "ndarray":
        return SequenceType(extract_ndarray_elem_dtype(t))
    if base is collections.abc.Mapping or base is dict:
        key, value = parts if len(parts) == 2 else (Any, Any)
        return MappingType(key, value)
    return LeafType()


_Check: TypeAlias = Callable[[Any, str], None]


def _mismatch(wanted: str, value: Any, path: str) -> TypeError:
    where = f" at {path}" if path else ""
    return TypeError(f"expected {wanted}{where}, got {type(value).__name__}: {value!r}")


def _checker(t: Any) -> _Check:
    """Return a function that raises TypeError for a value that is not of the type."""
    origin, parts = typing.get_origin(t), typing.get_args(t)
    if t is Any:
        return lambda _value, _path: None
    if origin in _UNIONS:
        return _union_checker(t, [_checker(part) for part in parts])
    if origin is tuple:
        if len(parts) == 2 and parts[1] is Ellipsis:
            return _tuple_checker(t, _checker(parts[0]))
        return _fixed_tuple_checker(t, [_checker(part) for part in parts])
    if t is None or t is types.NoneType:
        t, name = types.NoneType, "None"
    elif isinstance(t, type):
        name = t.__name__
    else:
        raise ValueError(f"Unsupported type for TypeChecker: {t}")

    def check(value: Any, path: str) -> None:
        if not isinstance(value, t):
            raise _mismatch(name, value, path)

    return check


def _union_checker(t: Any, members: list[_Check]) -> _Check:
    def check(value: Any, path: str) -> None:
        for member in members:
            try:
                return member(value, path)
            except TypeError:
                continue
        raise _mismatch(str(t), value, path)

    return check


def _tuple_checker(t: Any, element: _Check) -> _Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, tuple):
            raise _mismatch(str(t), value, path)
        for index, each in enumerate(value):
            element(each, f"{path}[{index}]")

    return check


def _fixed_tuple_checker(t: Any, elements: list[_Check]) -> _Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, tuple):
            raise _mismatch(str(t), value, path)
        if len(value) != len(elements):
            where = f" at {path}" if path else ""
            raise TypeError(
                f"expected tuple of length {len(elements)}{where}, got length {len(value)}"
            )
        for index, (each, element) in enumerate(zip(value, elements, strict=True)):
            element(each, f"{path}[{index}]")

    return check


class TypeChecker(Generic[T]):
    """Checks values against one type, which is analyzed once."""

    __slots__ = ("_check", "_expected_type")

    def __init__(self, expected_type: type[T]) -> None:
        self._expected_type = expected_type
        self._check = _checker(expected_type)

    def check(self, value: Any) -> T:
        """Return the value, or raise TypeError if it is of another type."""
        self._check(value, "")
        checked: T = value
        return checked

    def __repr__(self) -> str:
        return f"TypeChecker({self._expected_type})"
