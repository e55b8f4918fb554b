"""Checks that values fit a column, and brings them into the form that the driver takes."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from coco_flow.errors import WrongRows
from coco_flow.models.frames import MISSING

if TYPE_CHECKING:
    from sqlalchemy import Column, Dialect

__all__ = ["ColumnWriter", "default_of", "misfit", "now", "python_type"]

# What a column of each type also takes besides its own type.
_ALSO: dict[type, tuple[type, ...]] = {
    float: (int,),
    int: (bool,),
    datetime: (),
    uuid.UUID: (str,),
}


class ColumnWriter:
    """Makes what the driver takes of a column's values.

    Args:
        column: The column.
        dialect: The database's dialect.
        fill: The value of a row that has none.
    """

    def __init__(self, column: Column[Any], dialect: Dialect, fill: Callable[[], Any]) -> None:
        self.name = column.name
        self._column = column
        self._fill = fill
        self._type = python_type(column)
        self._takes = None if self._type is None else (self._type, *_ALSO.get(self._type, ()))
        self._bind = column.type.dialect_impl(dialect).bind_processor(dialect)
        # A JSON null would be a value; a missing one is not.
        self._is_required = not column.nullable

    def convert(self, value: Any) -> Any:
        """Return a value as the driver takes it.

        Raises:
            ValueError: It does not fit the column.
        """
        if value is MISSING:
            value = self._fill()
        if value is None or (isinstance(value, float) and math.isnan(value)):
            if self._is_required:
                raise ValueError("may not be null, and has no value")
            return None
        if self._takes is not None and type(value) is not self._type:
            value = self._fitted(value)
        return value if self._bind is None else self._bind(value)

    def _fitted(self, value: Any) -> Any:
        item = getattr(value, "item", None)
        if item is not None and not isinstance(value, str | bytes):
            value = item()
        elif hasattr(value, "to_pydatetime"):
            if type(value).__name__ == "NaTType":
                return None
            value = value.to_pydatetime()
        assert self._takes is not None
        if not isinstance(value, self._takes) or (self._type is date and type(value) is datetime):
            raise ValueError(f"takes {_names(self._type)}, not {value!r} ({type(value).__name__})")
        if self._type is uuid.UUID and isinstance(value, str):
            return uuid.UUID(value)
        return float(value) if self._type is float and isinstance(value, int) else value


def python_type(column: Any) -> type | None:
    """Return the type that a column's values must have, or None if it takes any."""
    from sqlalchemy import JSON
    from sqlalchemy.types import TypeDecorator

    kind = column.type
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, JSON):
        return None
    try:
        found = kind.python_type
    except NotImplementedError:
        return None
    return found if found in (str, int, float, bool, bytes, datetime, date, uuid.UUID) else None


_NAMES = {str: "text", int: "integers", float: "numbers", bool: "truth values", bytes: "bytes"}


def _names(kind: Any) -> str:
    return _NAMES.get(kind, f"values of {getattr(kind, '__name__', kind)}")


def default_of(column: Column[Any]) -> Callable[[], Any]:
    """Return the function that gives a column's default as the row class declares it."""
    declared = column.default
    if declared is None:
        return lambda: None
    argument = declared.arg  # type: ignore[attr-defined]
    if declared.is_callable:
        # SQLAlchemy wraps a default's function so that it takes the statement's context.
        return lambda: argument(None)
    return lambda: argument


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


def misfit(column: str, table: str, number: int, key: str, reason: Exception) -> WrongRows:
    """Return the error for a value that does not fit its column."""
    return WrongRows(
        f"Column {column!r} of table {table!r} {reason}; row {number} ({key}).",
        hint="Correct the model's rows; nothing of this write was kept.",
    )
