"""Reads the rows of a model's inputs: restricted to documents, in frames, with files' content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, Table, select

from coco_flow.errors import DefinitionError
from coco_flow.models.columns import kind_of, may_be_array
from coco_flow.models.conditions import has_value, is_one_of
from coco_flow.models.digests import InputDigest
from coco_flow.models.flow_tables import existing_database, know_vectors, read_table
from coco_flow.models.frames import InputFrame, Kind, make_frame
from coco_flow.models.reference import Form, Input, Reference
from coco_flow.models.registry import ModelRegistry
from coco_flow.models.rows import bookkeeping_of

if TYPE_CHECKING:
    from coco_flow.models.context import ModelContext
    from coco_flow.models.database import Database

__all__ = ["BoundInput", "document_column_of", "table_of"]

_ROWS_PER_FETCH = 10_000
_PATH_COLUMNS = ("content_path", "path", "source_url")
ROOT_VARIABLE = "COCO_FLOW_MODELS_ROOT"


def table_of(name: str, database: Database) -> Table:
    """Return the table that a reference means.

    Raises:
        DefinitionError: There is no such model or table.
    """
    found = ModelRegistry.resolve(name)
    if found is not None:
        return found.table
    know_vectors(database)
    return database.table(name)


def place_of(reference: Reference, database: Database) -> tuple[Database, Table]:
    """Return the database and the table of a reference.

    Raises:
        DefinitionError: There is no such model, table, database file or export of a flow.
    """
    if reference.export is not None:
        return reference.export.open()
    if reference.database is None:
        return database, table_of(reference.table_name, database)
    other = existing_database(reference.database)
    return other, read_table(other, reference.table_name)


def document_column_of(given: Input, table: Table) -> str | None:
    """Return the column of an input with the document's id, or None if its rows have none.

    Raises:
        DefinitionError: The reference names a column that the table does not have.
    """
    named = given.reference.document_column
    if named is not None:
        if named in table.c:
            return named
        if not given.reference.load_content:
            raise DefinitionError(_no_column(given, table, named))
    if "document_id" in table.c:
        return "document_id"
    return "id" if table.name == "documents" and "id" in table.c else None


def _no_column(given: Input, table: Table, column: str) -> str:
    return (
        f"{given.reference!r} names the column {column!r}, and table {table.name!r} has none of "
        f"that name; it has {', '.join(table.c.keys())}."
    )


class BoundInput:
    """An input of a model in a run.

    Args:
        given: The input.
        database: Where its table is.
        context: The call's context.
        documents: The documents whose rows are read; None reads all.
        is_observed: Whether digests are gathered while rows are read.
    """

    def __init__(
        self,
        given: Input,
        database: Database,
        context: ModelContext,
        documents: Sequence[str] | None,
        *,
        is_observed: bool = False,
    ) -> None:
        self.given = given
        self.database, self.table = place_of(given.reference, database)
        self.context = context
        self.document_column = document_column_of(given, self.table)
        self.documents = documents if self.document_column is not None else None
        self.names = self._names()
        self.digest: InputDigest | None = None
        self._is_observed = is_observed

    @property
    def row_class(self) -> Any:
        """The row class of the model that writes the table, or None."""
        found = ModelRegistry.resolve(self.given.reference.name)
        return None if found is None else found.db_model

    def check(self) -> None:
        """Refuse columns that the table does not have.

        Raises:
            DefinitionError: The message names model, reference and column.
        """
        reference = self.given.reference
        conditions, _ = reference.conditions(self.context)
        needed = [*(reference.columns or ()), *conditions]
        if reference.load_content:
            needed = [column for column in needed if column != "content"]
        if reference.path_column is not None:
            needed.append(reference.path_column)
        for column in needed:
            if column not in self.table.c:
                raise DefinitionError(_no_column(self.given, self.table, column))
        if reference.load_content and "content" not in self.table.c:
            self._path_place()

    def frame(self, form: Form) -> Any:
        """Return all rows in one frame."""
        rows = [row for chunk in self.chunks() for row in chunk]
        return self._made(rows, form)

    def batches(self, form: Form) -> Iterator[Any]:
        """Return the rows in frames of the reference's `batch_rows` rows."""
        size = self.given.reference.batch_rows
        pending: list[Sequence[Any]] = []
        for chunk in self.chunks():
            pending.extend(chunk)
            while len(pending) >= size:
                yield self._made(pending[:size], form)
                del pending[:size]
        if pending:
            yield self._made(pending, form)

    def chunks(self) -> Iterator[Sequence[Sequence[Any]]]:
        """Return the rows as they come, some thousands at a time; digests are gathered."""
        arrays = {column.name for column in self.table.columns if may_be_array(column)}
        digest = InputDigest(
            self.names, self.document_column, skipped=bookkeeping_of(self.table), arrays=arrays
        )
        with self.database.reading() as connection:
            streamed = connection.execution_options(yield_per=_ROWS_PER_FETCH)
            with streamed.execute(self.statement()) as result:
                for part in result.partitions():
                    chunk = self._with_content(part)
                    if self._is_observed:
                        digest.add(chunk)
                    yield chunk
        if self._is_observed:
            self.digest = digest

    @property
    def is_read(self) -> bool:
        """Whether all rows were read, so that there is a digest."""
        return self.digest is not None

    def document_ids(self) -> list[str]:
        """Return the ids of the documents that have rows here, sorted."""
        assert self.document_column is not None
        column = self.table.c[self.document_column]
        narrowed = self.statement().with_only_columns(column).distinct()
        with self.database.reading() as connection:
            return sorted({str(row[0]) for row in connection.execute(narrowed)})

    def statement(self) -> Select[Any]:
        """Return the `select` of the rows."""
        dialect, columns = self.database.engine.dialect, self.table.c
        conditions, _ = self.given.reference.conditions(self.context)
        chosen = select(*(columns[name] for name in self.names if name in columns)).where(
            *(has_value(columns[name], value, dialect) for name, value in conditions.items())
        )
        if self.documents is None or self.document_column is None:
            return chosen
        return chosen.where(is_one_of(columns[self.document_column], self.documents, dialect))

    def _names(self) -> list[str]:
        reference = self.given.reference
        names = list(dict.fromkeys(reference.columns or self.table.c.keys()))
        if self.document_column is not None and self.document_column not in names:
            names.insert(0, self.document_column)
        if reference.load_content and ("content" not in names or "content" not in self.table.c):
            # A column that the table does not have follows those that it has.
            names = [*(name for name in names if name != "content"), "content"]
        return names

    def _made(self, rows: Sequence[Sequence[Any]], form: Form) -> Any:
        """Return rows in a frame, after the filter if that is a function of frames."""
        frame = make_frame(self.names, rows, form, kinds=self.kinds, is_input=True)
        _, function = self.given.reference.conditions(self.context)
        if function is None:
            return frame
        found = function(frame, self.context)
        return InputFrame()(found) if form == "pandas" else found

    @property
    def kinds(self) -> list[Kind]:
        """What the values of each column are."""
        dialect, columns = self.database.engine.dialect, self.table.c
        return [kind_of(columns[name], dialect) if name in columns else str for name in self.names]

    def _path_place(self) -> tuple[str, int]:
        """Return the column with the files' paths, and its place in a row without `content`."""
        named = self.given.reference.path_column
        names = [name for name in self.names if name != "content"]
        for name in (named,) if named else _PATH_COLUMNS:
            if name in names:
                return name, names.index(name)
            if name in self.table.c:
                raise DefinitionError(
                    f"{self.given.reference!r} loads content and leaves out the column {name!r} "
                    "with the paths.",
                    hint=f"Add {name!r} to its columns.",
                )
        raise DefinitionError(
            f"{self.given.reference!r} loads content, and table {self.table.name!r} has no column "
            f"with a path; it has {', '.join(self.table.c.keys())}.",
            hint='Name it: load_content={"path_column": "…"}.',
        )

    def _with_content(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        reference = self.given.reference
        if not reference.load_content:
            return rows
        if "content" in self.table.c:
            place = self.names.index("content")
            if all(row[place] is not None for row in rows):
                return rows
            known: list[tuple[Any, ...]] = [(*row[:place], *row[place + 1 :]) for row in rows]
            contents = [row[place] for row in rows]
            filled = self._read_all(known, contents)
            return [(*row[:place], text, *row[place:]) for row, text in filled]
        return [(*row, text) for row, text in self._read_all(rows, [None] * len(rows))]

    def _read_all(
        self, rows: Sequence[Sequence[Any]], contents: Sequence[str | None]
    ) -> list[tuple[Sequence[Any], str]]:
        names = [name for name in self.names if name != "content"]
        path_column, path = self._path_place()
        document = names.index(self.document_column or path_column)
        root = Path(self.given.reference.root or os.environ.get(ROOT_VARIABLE) or ".")
        filled = []
        for row, given in zip(rows, contents, strict=True):
            try:
                text = given if given is not None else _read(root, row[path])
            except OSError as error:
                # The document is reported as failed and tried again; the others go on.
                self.context.fail(row[document], f"its content cannot be read: {error}")
            else:
                filled.append((row, text))
        return filled


def _read(root: Path, path: Any) -> str:
    if not path:
        raise FileNotFoundError("it has no path")
    return (root / str(path).removeprefix("file://")).read_bytes().decode(errors="replace")
