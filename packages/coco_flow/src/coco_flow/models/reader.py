"""Reads tables as frames, outside a model's declared inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import InvalidRequestError, StatementError

from coco_flow.errors import DefinitionError
from coco_flow.models.context import ModelContext
from coco_flow.models.database import Database, database_of
from coco_flow.models.filters import DocumentFilters
from coco_flow.models.frames import make_frame
from coco_flow.models.loading import BoundInput, table_of
from coco_flow.models.reference import Form, Input, Reference
from coco_flow.models.registry import ModelRegistry

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
            where: Conditions: a value, or a list of which any will do, for each column; None
                means null.
            limit: At most so many rows.
            load_content: Read each row's file into a column `content`; see `Reference`.
            form: "pandas", "polars" or "arrow".

        Raises:
            DefinitionError: There is no such table or column.
        """
        reference = Reference(
            table_name, dict(where or {}), columns=columns, load_content=load_content
        )
        bound = self._bound(reference)
        rows: list[Any] = []
        for chunk in bound.chunks():
            rows.extend(chunk if limit is None else chunk[: limit - len(rows)])
            if limit is not None and len(rows) >= limit:
                break
        wanted = [name for name in bound.names if columns is None or name in columns]
        if load_content and "content" not in wanted:
            wanted.append("content")
        if wanted != bound.names:
            # The document's id was read to apply the filters.
            places = [bound.names.index(name) for name in wanted]
            rows = [[row[place] for place in places] for row in rows]
        kinds = dict(zip(bound.names, bound.kinds, strict=True))
        return make_frame(wanted, rows, form, kinds=[kinds[name] for name in wanted])

    def batches(
        self, table_name: str, size: int = 50_000, where: Mapping[str, Any] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Return rows in pandas frames of `size` rows, so that memory stays bounded."""
        reference = Reference(table_name, dict(where or {}), batch_rows=size)
        return self._bound(reference).batches("pandas")

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows of an SQL statement; `:name` stands for a parameter.

        Raises:
            DefinitionError: The statement is wrong, or returns no rows.
        """
        try:
            with self._database.reading() as connection:
                result = connection.execute(text(sql), dict(params or {}))
                names = list(result.keys())
                frame: pd.DataFrame = make_frame(names, result.all(), "pandas")
        except (StatementError, InvalidRequestError) as error:
            raise DefinitionError(
                f"The statement {sql!r} fails: {getattr(error, 'orig', error)}",
                hint="Give a SELECT, and a value for each parameter.",
            ) from error
        return frame

    def count(self, table_name: str) -> int:
        """Return how many rows a table has."""
        table = table_of(table_name, self._database)
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def table_exists(self, table_name: str) -> bool:
        """Say whether there is such a table."""
        found = ModelRegistry.resolve(table_name)
        return self._database.has_table(table_name if found is None else found.table)

    def get_columns(self, table_name: str) -> list[str]:
        """Return the names of a table's columns."""
        return list(table_of(table_name, self._database).c.keys())

    @property
    def _documents(self) -> list[str] | None:
        return self._context.document_ids

    def _bound(self, reference: Reference) -> BoundInput:
        given = Input(reference.name, reference)
        bound = BoundInput(given, self._database, self._context, self._documents)
        bound.check()
        return bound
