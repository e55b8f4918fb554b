"""Reducers for `group_by(...).reduce(...)`: one value of all the rows of a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError
from coco_flow.types.schema import BasicValueType, EnrichedValueType, FieldSchema, VectorTypeSchema

if TYPE_CHECKING:
    from coco_flow.op.bound import BoundFunction

__all__ = ["Reducer", "count", "list_of", "max_of", "mean_of", "min_of", "sum_of"]

_NUMBERS = ("Int64", "Float32", "Float64")


@dataclass(frozen=True, slots=True)
class Reducer:
    """A named reduction of one field, or of the rows themselves; absent values are left out."""

    name: str
    field: str | None
    reduce: Callable[[list[Any]], Any]
    result: Callable[[EnrichedValueType], EnrichedValueType]

    def bind(self, fields: Sequence[FieldSchema]) -> BoundFunction:
        """Return the function over a group's rows.

        Raises:
            DefinitionError: The field is not collected, or of a kind that cannot be reduced so.
        """
        from coco_flow.flow.grouping import engine_function

        kind, reduce = f"{self.name}({self.field or ''})", self.reduce
        if self.field is None:
            return engine_function(kind, reduce, 1, self.result(_INTEGER))
        names = [field.name for field in fields]
        if self.field not in names:
            raise DefinitionError(
                f"{self.name}({self.field!r}): the rows of the group have no such field.",
                hint=f"They have: {', '.join(names)}.",
            )
        place = names.index(self.field)
        result = self.result(fields[place].value_type)

        def call(rows: list[list[Any]]) -> Any:
            return reduce([row[place] for row in rows if row[place] is not None])

        return engine_function(kind, call, 1, result)


def count() -> Reducer:
    """The number of rows."""
    return Reducer("count", None, len, lambda _: _INTEGER)


def sum_of(field: str) -> Reducer:
    """The sum of a numeric field."""
    return Reducer("sum_of", field, _sum, lambda kind: _number("sum_of", field, kind))


def mean_of(field: str) -> Reducer:
    """The mean of a numeric field, absent without values."""
    return Reducer(
        "mean_of", field, lambda values: math.fsum(values) / len(values) if values else None,
        lambda kind: _float(_number("mean_of", field, kind)),
    )  # fmt: skip


def min_of(field: str) -> Reducer:
    """The smallest value of a field, absent without values."""
    return Reducer("min_of", field, lambda values: min(values, default=None), _optional)


def max_of(field: str) -> Reducer:
    """The largest value of a field, absent without values."""
    return Reducer("max_of", field, lambda values: max(values, default=None), _optional)


def list_of(field: str) -> Reducer:
    """All values of a field, in the order of the rows."""
    return Reducer("list_of", field, list, _vector)


_INTEGER = EnrichedValueType(BasicValueType(kind="Int64"))


def _sum(values: list[Any]) -> Any:
    return math.fsum(values) if values and isinstance(values[0], float) else sum(values)


def _number(name: str, field: str, value_type: EnrichedValueType) -> EnrichedValueType:
    kind = value_type.type
    if not isinstance(kind, BasicValueType) or kind.kind not in _NUMBERS:
        raise DefinitionError(f"{name}({field!r}) needs a number, got {kind.kind}.")
    return EnrichedValueType(kind)


def _float(_: EnrichedValueType) -> EnrichedValueType:
    return EnrichedValueType(BasicValueType(kind="Float64"), True)


def _optional(value_type: EnrichedValueType) -> EnrichedValueType:
    return EnrichedValueType(value_type.type, True, value_type.attrs)


def _vector(value_type: EnrichedValueType) -> EnrichedValueType:
    kind = value_type.type
    if not isinstance(kind, BasicValueType):
        raise DefinitionError(f"list_of needs a basic value, got {kind.kind}.")
    element = BasicValueType(kind="Json") if kind.kind in _NUMBERS else kind
    # Lists of numbers would become arrays, which a group's rows are not.
    if element.kind == "Json":
        return EnrichedValueType(element)
    return EnrichedValueType(
        BasicValueType(kind="Vector", vector=VectorTypeSchema(element_type=element, dimension=None))
    )
