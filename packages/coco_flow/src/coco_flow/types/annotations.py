"""Annotations for types that Python's own do not specify: vectors, widths of numbers, JSON."""

from __future__ import annotations

import datetime
import sys
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

from coco_flow.errors import DefinitionError

__all__ = [
    "KEY_FIELD_NAME",
    "TABLE_TYPES",
    "Annotation",
    "Float32",
    "Float64",
    "Int64",
    "Json",
    "LocalDateTime",
    "OffsetDateTime",
    "Range",
    "TypeAttr",
    "TypeKind",
    "Vector",
    "VectorInfo",
]

KEY_FIELD_NAME = "_key"
"""Name of the key field of a table whose key is a basic type."""

TABLE_TYPES: tuple[str, str] = ("KTable", "LTable")


class VectorInfo(NamedTuple):
    """Marks a sequence as a vector; `dim` None leaves the dimension open."""

    dim: int | None


class TypeKind(NamedTuple):
    """Names the kind of engine type that a Python type has."""

    kind: str


@dataclass(frozen=True, slots=True)
class TypeAttr:
    """A free-form attribute that travels with the type through the flow."""

    key: str
    value: Any = field(hash=False)


Annotation: TypeAlias = TypeKind | TypeAttr | VectorInfo

Int64 = Annotated[int, TypeKind("Int64")]
Float32 = Annotated[float, TypeKind("Float32")]
Float64 = Annotated[float, TypeKind("Float64")]
Range = Annotated[tuple[int, int], TypeKind("Range")]
Json = Annotated[Any, TypeKind("Json")]
LocalDateTime = Annotated[datetime.datetime, TypeKind("LocalDateTime")]
OffsetDateTime = Annotated[datetime.datetime, TypeKind("OffsetDateTime")]

if TYPE_CHECKING:
    from typing import Generic, Protocol

    from typing_extensions import TypeVar

    ElementT_co = TypeVar("ElementT_co", covariant=True)
    DimensionT_co = TypeVar("DimensionT_co", bound=int | None, covariant=True, default=None)

    class Vector(Protocol, Generic[ElementT_co, DimensionT_co]):
        """A vector; numpy array of a numpy number type, else a list."""

        def __getitem__(self, index: int) -> ElementT_co: ...
        def __len__(self) -> int: ...

else:

    class Vector:
        """A vector: `Vector[T]` or `Vector[T, Literal[N]]`.

        With a numpy number type as element it is a numpy array, otherwise a list.
        """

        def __class_getitem__(cls, params: Any) -> Any:
            element, info = _vector_params(params)
            if _is_array_element(element):
                # The element is a numpy type, so numpy is imported already.
                from numpy.typing import NDArray

                return Annotated[NDArray[element], info]
            return Annotated[list[element], info]


def _vector_params(params: Any) -> tuple[Any, VectorInfo]:
    """Split the parameters of `Vector[...]` into the element and the dimension."""
    if not isinstance(params, tuple):
        return params, VectorInfo(dim=None)
    if len(params) != 2:
        raise DefinitionError(
            f"Vector takes an element type and at most one dimension, got {params!r}.",
            hint="Write Vector[T] or Vector[T, Literal[N]].",
        )
    element, dimension = params
    if dimension is None or dimension is type(None):
        return element, VectorInfo(dim=None)
    if getattr(dimension, "__origin__", None) is Literal:
        (dimension, *rest) = typing.get_args(dimension)
        if not rest and isinstance(dimension, int):
            return element, VectorInfo(dim=dimension)
    raise DefinitionError(
        f"The dimension of a Vector must be Literal[N] with one integer N, got {params[1]!r}.",
        hint="Write Vector[T, Literal[384]], for example.",
    )


def _is_array_element(element: Any) -> bool:
    """Say whether vectors of this element are numpy arrays: numpy numbers, and arrays of them."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return False
    if hasattr(element, "__metadata__"):  # Annotated, which Vector itself makes.
        element = element.__origin__
    if element is numpy.ndarray or getattr(element, "__origin__", None) is numpy.ndarray:
        return True
    return isinstance(element, type) and issubclass(element, (numpy.integer, numpy.floating))
