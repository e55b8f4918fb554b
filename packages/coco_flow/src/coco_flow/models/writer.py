"""Writes a model's rows: gathered while it runs, visible when it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
)

from coco_flow.errors import DefinitionError, WrongRows
from coco_flow.models.database import Database, database_of
from coco_flow.models.row_checks import RowChecks
from coco_flow.models.store.stage import Scope, Stage, Written

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from coco_flow.models.context import ModelContext
    from coco_flow.models.declaration import Model, WriteStrategy

__all__ = ["RunWriter", "TableWriter"]

_ROWS_PER_ADD = 10_000


class _Rows:
    """The rows of one table on one connection."""

    def __init__(
        self,
        database: Database,
        table: Table,
        primary_key: Sequence[str],
        workflow_id: str | None,
        model_name: str | None,
    ) -> None:
        self.table = table
        self._database = database
        document = "document_id" if "document_id" in table.c else None
        database.ensure(table)
        self._closing = ExitStack()
        self.connection: Connection = self._closing.enter_context(database.reading())
        with self.connection.begin():
            self.stage = Stage(self.connection, table, primary_key, document)
        self._checks = RowChecks(
            table, primary_key, self.connection.dialect, workflow_id, model_name
        )

    def add(self, rows: Any) -> int:
        """Check and gather rows; return how many."""
        accepted = self._checks.accepted(rows)
        first = self.stage.count
        with self._database.translated(), self.connection.begin():
            pending: list[tuple[Any, ...]] = []
            for row in self._checks.converted(accepted):
                pending.append(row)
                if len(pending) == _ROWS_PER_ADD:
                    self._gather(pending)
                    pending = []
            self._gather(pending)
        return self.stage.count - first

    def _gather(self, rows: list[tuple[Any, ...]]) -> None:
        try:
            self.stage.add(rows)
        except (DataError, InterfaceError, ProgrammingError) as error:
            raise self._refused(error, "Compare their values with the table's columns") from error

    def _refused(self, error: DBAPIError, advice: str) -> WrongRows:
        # What follows is about a statement that the user did not write.
        reason = str(error.orig).strip().partition("\n")[0].rstrip(".")
        return WrongRows(
            f"Table {self.table.name!r} refuses the rows: {reason}.",
            hint=f"{advice}; nothing of this write was kept.",
        )

    def preview(self, since: int) -> Written:
        """Return what the rows from number `since` on would do."""
        with self._database.translated(), self.connection.begin():
            return self.stage.preview(since)

    def drop(self, since: int) -> None:
        """Give up the rows from number `since` on."""
        with self._database.translated(), self.connection.begin():
            self.stage.drop(since)

    def apply(self, strategy: str, scope: Scope) -> Written:
        """Apply the rows in the transaction that is open."""
        try:
            return self.stage.apply(strategy, scope)
        except (IntegrityError, DataError, ProgrammingError) as error:
            advice = "Compare the row class with the table: columns, types and constraints"
            if isinstance(error, IntegrityError) and strategy == "append":
                advice = 'Rows of a key that is there need write_strategy "merge" or "replace"'
            raise self._refused(error, advice) from error

    def close(self) -> None:
        """Give up what was not applied."""
        # The temporary tables must not stay with a connection of the pool.
        self.connection.invalidate()
        self._closing.close()


class RunWriter:
    """The writer that a model is given; its rows are seen when the model has ended.

    Args:
        declared: The model.
        database: Where its table is.
        context: The call's context.
    """

    def __init__(self, declared: Model, database: Database, context: ModelContext) -> None:
        self._declared = declared
        self._database = database
        self._context = context
        self._rows: _Rows | None = None

    def write(self, rows: Any) -> dict[str, Any]:
        """Take rows of the model's table.

        Args:
            rows: A frame of pandas, Polars or Arrow, or row objects, mappings and frames.

        Returns:
            `rows_written`, `inserted`, `updated`, `unchanged` and `table_name` of these rows; rows
            are deleted when the model has ended, and the run's result has the final figures.

        Raises:
            WrongRows: A row does not fit the table.
        """
        self._context.check_cancelled()
        gathered = self.rows
        first = gathered.stage.count
        gathered.add(rows)
        return gathered.preview(first).as_dict(gathered.table.name)

    @property
    def rows(self) -> _Rows:
        """The gathered rows; the table is created at the first use."""
        if self._rows is None:
            declared = self._declared
            self._rows = _Rows(
                self._database, declared.table, declared.primary_key, self._context.workflow_id,
                declared.name,
            )  # fmt: skip
        return self._rows

    def close(self) -> None:
        """Give up what was not applied."""
        if self._rows is not None:
            self._rows.close()


class TableWriter:
    """Writes rows to a table outside a run; each write is one transaction.

    Args:
        workflow_id: What the column `workflow_id` gets.
        db_model: The row class, for rows that are mappings or frames.
        primary_key: The columns that a row is known by. Default: the table's primary key.
        write_strategy: What a write does to the rows that are there; see `model`. "replace"
            replaces the rows of the documents that are written, or of the whole table if its rows
            belong to no document.
        database: A URL. Default: the process's database.
    """

    def __init__(
        self,
        workflow_id: str | None = None,
        *,
        db_model: Any = None,
        primary_key: Sequence[str] | None = None,
        write_strategy: WriteStrategy = "append",
        database: str | Database | None = None,
    ) -> None:
        self._workflow_id = workflow_id
        self._db_model = db_model
        self._key = primary_key
        self._strategy = write_strategy
        self._database = database_of(database)

    def write(self, rows: Any) -> dict[str, Any]:
        """Write rows.

        Returns:
            `rows_written`, `inserted`, `updated`, `deleted`, `unchanged` and `table_name`.

        Raises:
            WrongRows: A row does not fit the table; nothing is written.
            DefinitionError: The table is not known.
        """
        if self._db_model is None and isinstance(rows, Iterator):
            # The rows say which table it is.
            rows = list(rows)
        table = self._table(rows)
        key = self._key or [column.name for column in table.primary_key]
        gathered = _Rows(self._database, table, key, self._workflow_id, None)
        try:
            gathered.add(rows)
            with self._database.transaction(gathered.connection):
                self._database.lock(gathered.connection, table.name)
                return gathered.apply(self._strategy, self._scope(gathered)).as_dict(table.name)
        finally:
            gathered.close()

    def _table(self, rows: Any) -> Table:
        row_class = self._db_model
        if row_class is None:
            is_several = isinstance(rows, Sequence) and len(rows) > 0
            row_class = type(rows[0] if is_several else rows)
        table: Table | None = getattr(row_class, "__table__", None)
        if table is None:
            raise DefinitionError(
                "It is not known which table these rows belong to.",
                hint="Give TableWriter(db_model=…), or write objects of a row class.",
            )
        return table

    def _scope(self, gathered: _Rows) -> Scope:
        documents = gathered.stage.document_ids()
        return Scope(everything=documents is None, documents=frozenset(documents or ()))
