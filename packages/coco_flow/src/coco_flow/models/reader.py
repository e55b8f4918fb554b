"""Reads tables as frames, outside a model's declared inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from coco_flow.errors import DefinitionError
from coco_flow.models.context import ModelContext
from coco_flow.models.database import Database, database_of
from coco_flow.models.filters import DocumentFilters
from coco_flow.models.frames import make_frame
from coco_flow.models.loading import BoundInput, table_of
from coco_flow.models.reference import Form, Input, Reference

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableReader"]


class TableReader:
    """Reads tables of models and others.

    Args:
        filters: Which documents; applied to tables with a document column.
        workflow_id: The run on whose behalf is read.
        database: A URL. Default: the process's database.
    """

    def __init__(
        self,
        filters: DocumentFilters | None = None,
        workflow_id: str | None = None,
        *,
        database: str | Database | None = None,
    ) -> None:
        self._database = database_of(database)
        self._context = ModelContext(filters or DocumentFilters(), workflow_id=workflow_id)

    def load(
        self,
        table_name: str,
        columns: list[str] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
        *,
        load_content: bool | Mapping[str, Any] = False,
        form: Form = "pandas",
    ) -> Any:
        """Return rows in a frame.

        Args:
            table_name: A table, or a model's name.
            columns: Only these columns.
            where: Conditions: a value, or a list of which any will do, for each column.
            limit: At most so many rows.
            load_content: Read each row's file into a column `content`; see `Reference`.
            form: "pandas", "polars" or "arrow".

        Raises:
            DefinitionError: There is no such table or column.
        """
        bound = self._bound(table_name, columns, where, load_content)
        rows: list[Any] = []
        for chunk in bound.chunks():
            rows.extend(chunk if limit is None else chunk[: limit - len(rows)])
            if limit is not None and len(rows) >= limit:
                break
        return make_frame(bound.names, rows, form)

    def batches(
        self, table_name: str, size: int = 50_000, where: Mapping[str, Any] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Return rows in pandas frames of `size` rows, so that memory stays bounded."""
        reference = Reference(table_name, dict(where or {}), batch_rows=size)
        given = Input(table_name, reference)
        return BoundInput(given, self._database, self._context, self._documents).batches("pandas")

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows of an SQL statement; `:name` stands for a parameter."""
        with self._database.reading() as connection:
            result = connection.execute(text(sql), dict(params or {}))
            names = list(result.keys())
            frame: pd.DataFrame = make_frame(names, result.all(), "pandas")
        return frame

    def count(self, table_name: str) -> int:
        """Return how many rows a table has."""
        from sqlalchemy import func

        table = table_of(table_name, self._database)
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def table_exists(self, table_name: str) -> bool:
        """Say whether there is such a table."""
        return self._database.has_table(table_name)

    def get_columns(self, table_name: str) -> list[str]:
        """Return the names of a table's columns."""
        return list(table_of(table_name, self._database).c.keys())

    @property
    def _documents(self) -> list[str] | None:
        return self._context.document_ids

    def _bound(
        self,
        table_name: str,
        columns: list[str] | None,
        where: Mapping[str, Any] | None,
        load_content: bool | Mapping[str, Any],
    ) -> BoundInput:
        reference = Reference(
            table_name, dict(where or {}), columns=columns, load_content=load_content
        )
        bound = BoundInput(
            Input(table_name, reference), self._database, self._context, self._documents
        )
        bound.check()
        unknown = [name for name in columns or () if name not in bound.table.c]
        if unknown:
            raise DefinitionError(f"Table {table_name!r} has no column {unknown[0]!r}.")
        return bound
