"""Rows as frames of the library that a model asks for, and frames as rows."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from coco_core.errors import CocoError
from coco_flow.errors import DefinitionError, WrongRows, missing_extra
from coco_flow.models.reference import Form

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISSING", "InputFrame", "Kind", "is_frame", "is_gap", "make_frame", "records_of"]


Kind: TypeAlias = type | Literal["json", "time with zone"] | None
"""What a column's values are: a type of Python, or what has none of its own; None is not known."""


def make_frame(
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    form: Form,
    *,
    kinds: Sequence[Kind] | None = None,
    is_input: bool = False,
) -> Any:
    """Return a frame of these columns and rows.

    Args:
        names: The columns' names.
        rows: A value for each column, in each row.
        form: The library. Polars and Arrow get JSON and UUIDs as text.
        kinds: What each column's values are, so that its type does not depend on them.
        is_input: Whether a pandas frame gets the property `df`, as a `Reference` has.

    Raises:
        DefinitionError: The library has no type for the values of a column.
    """
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(names)
    make = {"pandas": _pandas_column, "polars": _polars_column, "arrow": _arrow_column}[form]
    made = {}
    for name, values, kind in zip(names, columns, kinds or [None] * len(names), strict=True):
        try:
            made[name] = make(values, kind)
        # The libraries have errors of their own, which have no common base.
        except Exception as error:
            if isinstance(error, CocoError):
                raise
            raise DefinitionError(
                f"The column {name!r} cannot be one of a {form} frame: {error}",
                hint="Take a pandas frame, or leave the column out with columns=[…].",
            ) from error
    if form == "polars":
        return import_polars().DataFrame(made)
    if form == "arrow":
        return import_arrow().table(made)
    return _pandas(names, made, is_input=is_input)


def _pandas(names: Sequence[str], columns: Mapping[str, Any], *, is_input: bool) -> pd.DataFrame:
    import pandas as pd

    frame = InputFrame() if is_input else pd.DataFrame
    made: pd.DataFrame = frame(columns, columns=list(names))
    return made


def _pandas_column(values: Sequence[Any], kind: Kind) -> pd.Series[Any]:
    """Return a column: numbers and times as pandas has them, all else as the objects they are.

    pandas would make NaN of a missing text; None is what the database has.
    """
    import pandas as pd

    first = next((value for value in values if value is not None), None)
    if first is None and kind in _PANDAS_EMPTY and (not values or kind is not bool):
        has_numbers = kind is int and values
        return pd.Series(values, dtype=float if has_numbers else _PANDAS_EMPTY[kind])
    if isinstance(first, bool) and None not in values:
        return pd.Series(values, dtype=bool)
    if isinstance(first, datetime):
        return pd.Series(values)
    if isinstance(first, int | float) and not isinstance(first, bool):
        return _pandas_numbers(values)
    return pd.Series(values, dtype=object)


_PANDAS_EMPTY: dict[Kind, str] = {
    int: "int64",
    float: "float64",
    bool: "bool",
    datetime: "datetime64[us]",
    "time with zone": "datetime64[us, UTC]",
}


def _pandas_numbers(values: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd

    kinds = set(map(type, values)) - {type(None)}
    if not all(issubclass(kind, int | float) for kind in kinds):
        # SQLite keeps text in a column of numbers.
        return pd.Series(values, dtype=object)
    if None not in values:
        return pd.Series(values)
    whole = [value for value in values if isinstance(value, int)]
    is_exact = all(abs(value) <= _EXACT for value in whole)
    return pd.Series(values, dtype=float if is_exact else "Int64")


# Floats, which pandas has for numbers with gaps, hold larger integers not exactly.
_EXACT = 2**53


_input_frame: type[pd.DataFrame] | None = None


def InputFrame() -> type[pd.DataFrame]:  # noqa: N802 - a class that is made when pandas is needed
    """Return the class of frames that models get: a pandas frame that is its own `df`."""
    global _input_frame  # noqa: PLW0603 - the class is made once
    if _input_frame is None:
        import pandas as pd

        class _InputFrame(pd.DataFrame):
            @property
            def _constructor(self) -> Callable[..., pd.DataFrame]:
                return pd.DataFrame

            @property
            def df(self) -> pd.DataFrame:
                return self

            def __reduce__(self) -> Any:
                # Another process gets a plain frame: this class is made here.
                return pd.DataFrame(self).__reduce__()

        _input_frame = _InputFrame
    return _input_frame


def import_polars() -> Any:
    """Return the module `polars`.

    Raises:
        ExtraMissing: It is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise missing_extra("A model with a polars.DataFrame", "polars", "polars") from error
    return polars


def import_arrow() -> Any:
    """Return the module `pyarrow`.

    Raises:
        ExtraMissing: It is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise missing_extra("A model with a pyarrow.Table", "pyarrow", "parquet") from error
    return pyarrow


def _polars_column(values: Sequence[Any], kind: Kind) -> Any:
    pl = import_polars()
    kinds = {
        str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean, bytes: pl.Binary,
        date: pl.Date, datetime: pl.Datetime("us"), "time with zone": pl.Datetime("us", "UTC"),
        "json": pl.String, uuid.UUID: pl.String,
    }  # fmt: skip
    return pl.Series(values=_as_texts(values, kind), dtype=kinds.get(kind))


def _arrow_column(values: Sequence[Any], kind: Kind) -> Any:
    pa = import_arrow()
    kinds = {
        str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(),
        bytes: pa.binary(), date: pa.date32(), datetime: pa.timestamp("us"),
        "time with zone": pa.timestamp("us", "UTC"), "json": pa.string(), uuid.UUID: pa.string(),
    }  # fmt: skip
    return pa.array(_as_texts(values, kind), kinds.get(kind))


def _as_texts(values: Sequence[Any], kind: Kind) -> Sequence[Any]:
    """Return JSON, UUIDs and members of enumerations as text.

    Of mappings with different keys the libraries would make others.
    """
    first = next((value for value in values if value is not None), None)
    convert: Callable[[Any], str]
    if kind == "json" or (kind is None and isinstance(first, dict)):
        convert = partial(json.dumps, ensure_ascii=False)
    elif isinstance(first, uuid.UUID):
        convert = str
    elif isinstance(first, Enum):
        convert = attrgetter("name")
    else:
        return values
    return [None if one is None else convert(one) for one in values]


def records_of(rows: Any, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Return the values of these columns for each row; a missing one is `MISSING`.

    Args:
        rows: Row objects, mappings and frames, or a frame of pandas, Polars or Arrow.
        columns: The columns' names.

    Raises:
        WrongRows: A row is neither, or a field is no column.
    """
    frame = _frame_columns(rows)
    if frame is not None:
        _check_fields(frame, columns)
        lists = [frame.get(name) for name in columns]
        count = len(next(iter(frame.values()), ()))
        padded = [[MISSING] * count if one is None else one for one in lists]
        return zip(*padded, strict=True)
    return _record_values(rows, columns)


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()
"""Stands for a column that a row says nothing about."""


def is_frame(rows: Any) -> bool:
    """Say whether this is a frame of pandas, Polars or Arrow."""
    kind = type(rows)
    return any(hasattr(kind, name) for name in ("to_pydict", "iloc", "collect_schema"))


def _frame_columns(rows: Any) -> dict[str, list[Any]] | None:
    kind = type(rows)
    if hasattr(kind, "to_pydict"):
        return dict(rows.to_pydict())
    if hasattr(kind, "collect_schema"):
        # Polars; one that is lazy is computed here.
        rows = rows.collect() if hasattr(kind, "collect") else rows
        return dict(rows.to_dict(as_series=False))
    if hasattr(kind, "iloc") and hasattr(kind, "columns"):
        repeated = rows.columns[rows.columns.duplicated()]
        if len(repeated):
            raise WrongRows(
                f"The frame has two columns {str(repeated[0])!r}.", hint="Leave one of them out."
            )
        return {str(name): _column_values(rows[name]) for name in rows.columns}
    return None


def _column_values(series: Any) -> list[Any]:
    values: list[Any] = series.tolist()
    if not series.hasnans:
        return values
    return [None if is_gap(value) else value for value in values]


def is_gap(value: Any) -> bool:
    """Say whether a value stands for a missing one: None, NaN, or pandas' NaT and NA."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return type(value).__name__ in ("NaTType", "NAType")


def _record_values(rows: Iterable[Any], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    wanted = set(columns)
    kind: type | None = None
    attributes = columns
    for number, row in enumerate(rows):
        if isinstance(row, Mapping):
            _check_fields(row, wanted)
            yield tuple(row.get(name, MISSING) for name in columns)
        elif hasattr(row, "__table__") or hasattr(row, "model_fields"):
            if type(row) is not kind:
                kind, attributes = type(row), _attributes(type(row), columns)
            yield tuple(getattr(row, name, MISSING) for name in attributes)
        elif is_frame(row):
            yield from records_of(row, columns)
        else:
            raise WrongRows(
                f"Row {number} is {type(row).__name__}: {row!r}.",
                hint="Write objects of the model's row class, mappings, or a frame.",
            )


def _attributes(row_class: Any, columns: Sequence[str]) -> list[str]:
    """Return the attributes of a row class that have the values of columns."""
    mapper = getattr(row_class, "__mapper__", None)
    properties = () if mapper is None else mapper.column_attrs
    named = {one.columns[0].name: one.key for one in properties}
    return [named.get(name, name) for name in columns]


def _check_fields(fields: Iterable[str], columns: Iterable[str]) -> None:
    unknown = [str(name) for name in fields if name not in columns]
    if unknown:
        raise WrongRows(
            f"The table has no column {unknown[0]!r}.",
            hint=f"Its columns: {', '.join(sorted(columns))}.",
        )
