"""Rows as frames of the library that a model asks for, and frames as rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.errors import WrongRows, missing_extra
from coco_flow.models.reference import Form

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISSING", "InputFrame", "is_gap", "make_frame", "records_of"]


def make_frame(
    names: Sequence[str], rows: Sequence[Sequence[Any]], form: Form, *, is_input: bool = False
) -> Any:
    """Return a frame of these columns and rows.

    Args:
        names: The columns' names.
        rows: A value for each column, in each row.
        form: The library.
        is_input: Whether a pandas frame gets the property `df`, as a `Reference` has.
    """
    if form == "polars":
        return _polars(names, rows)
    if form == "arrow":
        return _arrow(names, rows)
    return _pandas(names, rows, InputFrame() if is_input else None)


def _pandas(names: Sequence[str], rows: Sequence[Sequence[Any]], kind: Any) -> pd.DataFrame:
    import pandas as pd

    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(names)
    data = {name: _series(values) for name, values in zip(names, columns, strict=True)}
    frame = pd.DataFrame if kind is None else kind
    made: pd.DataFrame = frame(data, columns=list(names))
    return made


def _series(values: Sequence[Any]) -> pd.Series[Any]:
    """Return a column: numbers and times as pandas has them, all else as the objects they are.

    pandas would make NaN of a missing text; None is what the database has.
    """
    import pandas as pd

    first = next((value for value in values if value is not None), None)
    if isinstance(first, bool) or not isinstance(first, int | float):
        has_time = hasattr(first, "tzinfo") and hasattr(first, "date")
        whole = isinstance(first, bool) and None not in values
        return pd.Series(values, dtype=None if has_time or whole else object)
    has_gaps = any(value is None for value in values)
    return pd.Series(values, dtype=float if has_gaps else None)


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

        _input_frame = _InputFrame
    return _input_frame


def _polars(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    try:
        import polars as pl
    except ImportError as error:
        raise missing_extra("A model with a polars.DataFrame", "polars", "polars") from error
    return pl.DataFrame(
        [tuple(row) for row in rows], schema=list(names), orient="row", infer_schema_length=None
    )


def _arrow(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise missing_extra("A model with a pyarrow.Table", "pyarrow", "parquet") from error
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pa.table({name: list(values) for name, values in zip(names, columns, strict=True)})


def records_of(rows: Any, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Return the values of these columns for each row; a missing one is `MISSING`.

    Args:
        rows: Row objects, mappings, or a frame of pandas, Polars or Arrow.
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


def _frame_columns(rows: Any) -> dict[str, list[Any]] | None:
    kind = f"{type(rows).__module__}.{type(rows).__name__}"
    if hasattr(rows, "to_pydict"):
        return dict(rows.to_pydict())
    if kind.startswith("polars.") and hasattr(rows, "to_dict"):
        return dict(rows.to_dict(as_series=False))
    if hasattr(rows, "columns") and hasattr(rows, "iloc"):
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
    for number, row in enumerate(rows):
        if isinstance(row, Mapping):
            _check_fields(row, wanted)
            yield tuple(row.get(name, MISSING) for name in columns)
        elif hasattr(row, "__table__") or hasattr(row, "model_fields"):
            yield tuple(getattr(row, name, MISSING) for name in columns)
        else:
            raise WrongRows(
                f"Row {number} is {type(row).__name__}: {row!r}.",
                hint="Write objects of the model's row class, mappings, or a frame.",
            )


def _check_fields(fields: Iterable[str], columns: Iterable[str]) -> None:
    unknown = [str(name) for name in fields if name not in columns]
    if unknown:
        raise WrongRows(
            f"The table has no column {unknown[0]!r}.",
            hint=f"Its columns: {', '.join(sorted(columns))}.",
        )
