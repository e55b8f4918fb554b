"""Checks that values fit a column, and brings them into the form that the driver takes."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, BigInteger, SmallInteger
from sqlalchemy import Enum as SQLEnum
from sqlalchemy.types import TypeDecorator

from coco_flow.errors import WrongRows
from coco_flow.models.frames import MISSING, Kind, is_gap
from coco_flow.models.rows import plain_data

if TYPE_CHECKING:
    from sqlalchemy import Column, Dialect

__all__ = [
    "ColumnWriter",
    "default_of",
    "is_generated",
    "kind_of",
    "may_be_array",
    "misfit",
    "now",
    "python_type",
    "shown",
    "typed_value",
]

# What a column of each type also takes besides its own type.
_ALSO: dict[type, tuple[type, ...]] = {
    str: (uuid.UUID, PurePath),
    int: (bool, float, Decimal),
    float: (int, Decimal),
    Decimal: (int, float),
    uuid.UUID: (str,),
}

# Characters of a value that a message shows.
_SHOWN = 80


class ColumnWriter:
    """Makes what the driver takes of a column's values.

    Args:
        column: The column.
        dialect: The database's dialect.
        fill: The value of a row that has none.
        is_key: Whether rows are known by this column.
        is_constant: Whether all rows of a write may have one value of `fill`.
    """

    def __init__(
        self,
        column: Column[Any],
        dialect: Dialect,
        fill: Callable[[], Any],
        *,
        is_key: bool = False,
        is_constant: bool = False,
    ) -> None:
        self.name = column.name
        self._fill = fill
        self._is_constant = is_constant
        self._type = python_type(column)
        self._takes = None if self._type is None else (self._type, *_ALSO.get(self._type, ()))
        self._settle = _settling(column, self._type, dialect)
        self._are_settled = _settled(column, self._type, dialect)
        self._bind = column.type.dialect_impl(dialect).bind_processor(dialect)
        # A JSON null would be a value; a missing one is not.
        self._is_required = (is_key or not column.nullable) and not is_generated(column)

    def convert(self, value: Any) -> Any:
        """Return a value as the driver takes it.

        Raises:
            ValueError: It does not fit the column.
        """
        if value is MISSING:
            value = self._fill()
        # A float that is not equal to itself is no number.
        if type(value) is not self._type or value != value:  # noqa: PLR0124
            if is_gap(value):
                if self._is_required:
                    raise ValueError("may not be null, and has no value")
                return None
            if self._takes is not None:
                value = self._fitted(value)
        if self._settle is not None:
            value = self._settle(value)
        return value if self._bind is None else self._bound(value)

    def convert_all(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return many values as the driver takes them; those that fit are not looked at singly.

        Raises:
            ValueError: One does not fit the column.
        """
        kinds = set(map(type, values))
        if self._is_constant and kinds == {type(MISSING)}:
            return [self.convert(MISSING)] * len(values)
        if kinds != {self._type} or not self._are_settled(values):
            return [self.convert(value) for value in values]
        return values if self._bind is None else [self._bound(value) for value in values]

    def _fitted(self, value: Any) -> Any:
        given, value = value, _python_value(value)
        kind = self._type
        assert kind is not None and self._takes is not None
        fits = isinstance(value, self._takes) and not (kind is date and type(value) is datetime)
        if fits and kind is int and not isinstance(value, int):
            # pandas keeps whole numbers with gaps as floats.
            fits = math.isfinite(value) and value == int(value)
        if not fits:
            raise ValueError(f"takes {_NAMES[kind]}, not {shown(given)} ({type(given).__name__})")
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        try:
            return kind(str(value)) if kind is Decimal else kind(value)
        except OverflowError as error:
            raise ValueError(f"cannot hold {shown(given)}: {error}") from error

    def _bound(self, value: Any) -> Any:
        assert self._bind is not None
        try:
            return self._bind(value)
        # A column's type may be the user's own, and raise anything.
        except Exception as error:
            raise ValueError(f"cannot hold {shown(value)}: {error}") from error


def _python_value(value: Any) -> Any:
    """Return a value of NumPy or pandas, or an enumeration's, as Python has it."""
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    if not hasattr(value, "dtype"):
        return value
    if value.dtype.kind == "M":
        value = value.astype("datetime64[us]")
    return value.item() if value.ndim == 0 else value


def _settling(column: Any, kind: type | None, dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return the function that checks values of the right type, and brings them into one form."""
    if isinstance(column.type, JSON):
        return _as_json
    if isinstance(column.type, SQLEnum):
        return partial(_as_member, kind=column.type)
    if kind is int:
        return partial(_in_range, most=_largest(column.type, dialect))
    if kind is str:
        return partial(
            _as_text,
            longest=getattr(column.type, "length", None),
            takes_nul=dialect.name != "postgresql",
        )
    if kind is datetime:
        return partial(_in_utc, keeps_zone=_has_zone(column, dialect))
    return None


def _settled(column: Any, kind: type | None, dialect: Dialect) -> Callable[[Sequence[Any]], bool]:
    """Return the function that says whether values of the right type can stay as they are."""
    if kind is int:
        most = _largest(column.type, dialect)
        return lambda values: -most - 1 <= min(values) and max(values) <= most
    if kind is str:
        longest = getattr(column.type, "length", None)
        takes_nul = dialect.name != "postgresql"
        return lambda values: (
            all(map(str.isascii, values))
            and (longest is None or max(map(len, values)) <= longest)
            and (takes_nul or not any("\0" in value for value in values))
        )
    if kind is float:
        return lambda values: not any(map(math.isnan, values))
    is_settled = kind in (bool, bytes, date, uuid.UUID)
    return lambda _: is_settled


def _as_json(value: Any) -> Any:
    if value is JSON.NULL:
        return value
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return plain_data(value)
    return value


def _as_member(value: Any, *, kind: SQLEnum) -> Any:
    """Return the member of an enumeration, given as itself, by its name or by its value."""
    members = kind.enum_class
    if members is None:
        found = value if value in kind.enums else None
    elif isinstance(value, members):
        found = value
    else:
        found = next((one for one in members if value in (one.name, one.value)), None)
    if found is None:
        raise ValueError(f"takes one of {', '.join(kind.enums)}, not {shown(value)}")
    return found


def _largest(kind: Any, dialect: Dialect) -> int:
    if dialect.name == "sqlite" or isinstance(kind, BigInteger):
        return 2**63 - 1
    return 2**15 - 1 if isinstance(kind, SmallInteger) else 2**31 - 1


def _in_range(value: int, *, most: int) -> int:
    if not -most - 1 <= value <= most:
        raise ValueError(f"takes integers up to {most}, not {shown(value)}")
    return value


def _as_text(value: str, *, longest: int | None, takes_nul: bool) -> str:
    if longest is not None and len(value) > longest:
        raise ValueError(f"takes at most {longest} characters, not the {len(value)} of the text")
    if not takes_nul and "\0" in value:
        raise ValueError("takes no text with a NUL character in PostgreSQL")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"cannot hold the text: {error}") from error
    return value


def _in_utc(value: datetime, *, keeps_zone: bool) -> datetime:
    """Return a time in UTC: without a zone it counts as UTC, and columns without one are in UTC."""
    known = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return known if keeps_zone else known.replace(tzinfo=None)


def shown(value: Any) -> str:
    """Return a value as messages show it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def python_type(column: Any) -> type | None:
    """Return the type that a column's values must have, or None if it takes any."""
    kind = column.type
    if isinstance(kind, TypeDecorator) and type(kind).__module__.startswith("sqlmodel."):
        kind = kind.impl_instance
    # What another type takes is known to itself alone.
    if isinstance(kind, JSON | TypeDecorator):
        return None
    try:
        found = kind.python_type
    except NotImplementedError:
        return None
    return found if found in _NAMES else None


def kind_of(column: Column[Any], dialect: Dialect) -> Kind:
    """Return what a column's values are in a frame."""
    if isinstance(column.type, JSON):
        return "json"
    kind = python_type(column)
    return "time with zone" if kind is datetime and _has_zone(column, dialect) else kind


def _has_zone(column: Any, dialect: Dialect) -> bool:
    """Say whether the driver takes and gives times of the column with a zone."""
    # SQLite has no times with zones, but SQLModel's type stands in between.
    has_own_type = isinstance(column.type, TypeDecorator)
    return bool(getattr(column.type, "timezone", False)) and (
        has_own_type or dialect.name != "sqlite"
    )


_NAMES: dict[type, str] = {
    str: "text",
    int: "integers",
    float: "numbers",
    Decimal: "numbers",
    bool: "truth values",
    bytes: "bytes",
    datetime: "times (datetime)",
    date: "dates",
    uuid.UUID: "UUIDs",
}


def typed_value(column: Any, value: Any) -> Any:
    """Return a value given as text in the column's own type: ids are text in filters.

    Text that no value of the column is written like becomes None.
    """
    kind: Any = python_type(column)
    if not isinstance(value, str) or kind is None or kind in (str, bytes):
        return value
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    try:
        return kind.fromisoformat(value) if issubclass(kind, date) else kind(value)
    except (ValueError, ArithmeticError):
        return None


def may_be_array(column: Column[Any]) -> bool:
    """Say whether rows may have an array in this column: its type is none that is known here."""
    return python_type(column) is None and not isinstance(column.type, JSON)


def is_generated(column: Column[Any]) -> bool:
    """Say whether the database numbers the rows in this column by itself."""
    return column.table.autoincrement_column is column


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
