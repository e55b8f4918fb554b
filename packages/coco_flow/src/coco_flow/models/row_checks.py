"""Checks rows against the table that they are for, and brings them into the driver's form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from coco_flow.errors import WrongRows
from coco_flow.models.columns import ColumnWriter, default_of, misfit, now, shown
from coco_flow.models.frames import is_frame, records_of
from coco_flow.models.rows import bookkeeping_of

if TYPE_CHECKING:
    from sqlalchemy import Column, Dialect, Table

__all__ = ["RowChecks"]

_ROWS_AT_A_TIME = 10_000


class RowChecks:
    """Takes rows of one table as objects, mappings or frames.

    Args:
        table: The table.
        primary_key: The columns that a row is known by.
        dialect: The database's dialect.
        workflow_id: What the column `workflow_id` gets.
        model_name: What the column `model_name` gets.
    """

    def __init__(
        self,
        table: Table,
        primary_key: Sequence[str],
        dialect: Dialect,
        workflow_id: str | None,
        model_name: str | None,
    ) -> None:
        self._table = table
        self._key = tuple(primary_key)
        self.names = [column.name for column in table.columns]
        forced = {"workflow_id": workflow_id, "model_name": model_name}
        fills: dict[str, Callable[[], Any]] = {"created_at": now, "updated_at": now}
        bookkeeping = bookkeeping_of(table)
        stamped = {name: fill for name, fill in fills.items() if name in bookkeeping}
        self._columns = [
            ColumnWriter(
                column,
                dialect,
                stamped.get(column.name) or default_of(column),
                is_key=column.name in self._key,
                is_constant=column.name in stamped or not _is_computed(column),
            )
            for column in table.columns
        ]
        self._forced = {
            place: writer.convert(forced[writer.name])
            for place, writer in enumerate(self._columns)
            if writer.name in bookkeeping and forced.get(writer.name) is not None
        }

    def accepted(self, rows: Any) -> Any:
        """Return rows as a frame or an iterable of rows of this table.

        Raises:
            WrongRows: They are something else, or rows of another table.
        """
        if hasattr(rows, "__table__") or isinstance(rows, Mapping):
            rows = [rows]
        if is_frame(rows):
            return rows
        if not isinstance(rows, Iterable) or isinstance(rows, str | bytes):
            raise WrongRows(
                f"{rows!r} is no rows for table {self._table.name!r}.",
                hint="Write a list of row objects or mappings, or a frame.",
            )
        return self._own(rows)

    def _own(self, rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            table = getattr(row, "__table__", None)
            if table is not None and table.name != self._table.name:
                raise WrongRows(
                    f"This writer writes table {self._table.name!r}; a row of "
                    f"{type(row).__name__} (table {table.name!r}) was given.",
                    hint="A model writes the table of its db_model; another table needs a model "
                    "of its own.",
                )
            yield row

    def converted(self, rows: Any) -> Iterator[tuple[Any, ...]]:
        """Return the values of accepted rows as the driver takes them.

        Raises:
            WrongRows: A value does not fit its column.
        """
        given, number = records_of(rows, self.names), 0
        while chunk := list(islice(given, _ROWS_AT_A_TIME)):
            try:
                values = [
                    writer.convert_all(column)
                    for writer, column in zip(self._columns, zip(*chunk, strict=True), strict=True)
                ]
            except ValueError as error:
                raise self._misfit(chunk, number, error) from error
            for place, value in self._forced.items():
                values[place] = [value] * len(chunk)
            yield from zip(*values, strict=True)
            number += len(chunk)

    def _misfit(self, rows: Sequence[tuple[Any, ...]], first: int, error: ValueError) -> WrongRows:
        """Return the error that names the first row and column that does not fit."""
        for number, row in enumerate(rows, first):
            for column, value in zip(self._columns, row, strict=True):
                try:
                    column.convert(value)
                except ValueError as found:
                    given = dict(zip(self.names, row, strict=True))
                    key = ", ".join(f"{name}={shown(given[name])}" for name in self._key)
                    return misfit(column.name, self._table.name, number, key, found)
        return misfit("?", self._table.name, first, "?", error)


def _is_computed(column: Column[Any]) -> bool:
    """Whether each row gets a default of its own, such as an id."""
    return column.default is not None and column.default.is_callable
