"""Rows on their way into a table: gathered aside, applied in one transaction at the end."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import JSON

from coco_flow.models.columns import is_generated
from coco_flow.models.conditions import is_one_of
from coco_flow.models.rows import bookkeeping_of
from coco_flow.models.telemetry import SUMMED

__all__ = ["Scope", "Stage", "Written"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows of the table a write may remove.

    Attributes:
        everything: Whether all rows that were not written again go.
        documents: Documents of which such rows go.
        vanished: Documents of which all rows go.
        spared: Documents that keep their rows, because they failed.
    """

    everything: bool = False
    documents: frozenset[str] = frozenset()
    vanished: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()


@dataclass(slots=True)
class Written:
    """How many rows a write inserted, updated, deleted, and found as they were."""

    rows_written: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    errors: dict[str, str] = field(default_factory=dict)

    def as_dict(self, table: str) -> dict[str, Any]:
        """Return the figures as plain data, with the table's name."""
        return {
            "rows_written": self.rows_written,
            "inserted": self.inserted,
            "updated": self.updated,
            "deleted": self.deleted,
            "unchanged": self.unchanged,
            "table_name": table,
        }


class Stage:
    """A temporary table with a target's columns, on one connection.

    Temporary tables are private and take no lock of the database's file, so models of one level
    can gather rows at the same time; only `apply` writes what others see.

    Args:
        connection: The connection that also applies the rows.
        target: The table to be written.
        primary_key: The columns that a row is known by.
        document_column: The column with the document's id, or None.
    """

    def __init__(
        self,
        connection: Connection,
        target: Table,
        primary_key: Sequence[str],
        document_column: str | None,
    ) -> None:
        self._connection = connection
        self._target = target
        self._key = tuple(primary_key)
        self._document = document_column
        self._number = 0
        generated = next((one for one in target.columns if is_generated(one)), None)
        self._generated = None if generated is None else generated.name
        self.names = [column.name for column in target.columns]
        self._rows = Table(
            f"coco_stage_{secrets.token_hex(6)}",
            MetaData(),
            Column("coco_number", Integer, primary_key=True, autoincrement=False),
            *(Column(column.name, column.type) for column in target.columns),
            prefixes=["TEMPORARY"],
        )
        self._rows.create(connection)

    @property
    def count(self) -> int:
        """How many rows were added."""
        return self._number

    def add(self, rows: Iterable[tuple[Any, ...]]) -> int:
        """Add rows, their values as the driver takes them; return how many."""
        first = self._number
        numbered = ((number, *row) for number, row in enumerate(rows, first))
        if self._connection.dialect.name == "sqlite":
            self._insert_many(list(numbered))
        else:
            self._copy(numbered)
        return self._number - first

    def _insert_many(self, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            marks = ",".join("?" * (len(self.names) + 1))
            # The name is the stage's own; it holds letters and digits.
            statement = f"INSERT INTO {self._rows.name} VALUES ({marks})"  # noqa: S608
            self._connection.exec_driver_sql(statement, rows)
            self._number += len(rows)

    def _copy(self, rows: Iterable[tuple[Any, ...]]) -> None:
        driver: Any = self._connection.connection.driver_connection
        dialect: Any = self._connection.dialect
        statement = f"COPY {self._rows.name} FROM STDIN"
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
                    self._number += 1
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                statement, None, error, dialect.loaded_dbapi.Error,
                connection_invalidated=driver.closed, dialect=dialect,
            ) from error  # fmt: skip

    def preview(self, since: int) -> Written:
        """Return what the rows from number `since` on would do, without removals."""
        new = self._rows.c.coco_number >= since
        total = self._number - since
        if not self._has_rows():
            return Written(rows_written=total, inserted=total)
        found = select(func.count(self._rows.c.coco_number.distinct())).select_from(
            self._rows.join(self._target, self._match())
        )
        known = self._count(found.where(new))
        changed = self._count(found.where(new, self._differs()))
        return Written(total, total - known, changed, 0, known - changed)

    def _has_rows(self) -> bool:
        return self._connection.execute(select(self._target).limit(1)).first() is not None

    def _count(self, statement: Any) -> int:
        return int(self._connection.execute(statement).scalar_one())

    def errors(self) -> dict[str, str]:
        """Return the error of each document that has one in its rows."""
        if self._document is None or "error" not in self._rows.c:
            return {}
        rows = self._connection.execute(
            select(self._rows.c[self._document], self._rows.c.error).where(
                self._rows.c.error.is_not(None)
            )
        )
        return {str(document): str(error) for document, error in rows}

    def drop(self, since: int) -> None:
        """Give up the rows from number `since` on."""
        self._connection.execute(delete(self._rows).where(self._rows.c.coco_number >= since))
        self._number = since

    def telemetry(self) -> dict[str, Any]:
        """Return the sums of the columns of `LLMTelemetryMixin`, and how many rows have them."""
        if "llm_model" not in self._rows.c:
            return {}
        sums = [func.sum(self._rows.c[name]).label(name) for name in SUMMED if name in self._rows.c]
        asked = func.count(self._rows.c.llm_model).label("llm_calls")
        found = self._connection.execute(select(asked, *sums)).mappings().one()
        return {name: _number(value) for name, value in found.items() if value is not None}

    def document_ids(self) -> set[str] | None:
        """Return the documents that rows belong to, or None if they belong to none."""
        if self._document is None:
            return None
        column = self._rows.c[self._document]
        return {str(row[0]) for row in self._connection.execute(select(column).distinct())}

    def apply(self, strategy: str, scope: Scope) -> Written:
        """Write the rows to the table, in the transaction that is open on the connection."""
        done = Written(errors=self.errors())
        if self._document is not None and scope.spared:
            # Rows that were gathered before their document failed are not all of it.
            column = self._rows.c[self._document]
            half_done = self._is_one_of(column, scope.spared)
            self._connection.execute(delete(self._rows).where(half_done))
        if strategy == "append":
            done.inserted = done.rows_written = self._insert(is_new=False)
            return done
        self._keep_last()
        self._index()
        done.rows_written = self._count(select(func.count()).select_from(self._rows))
        if self._has_rows():
            done.deleted = self._remove(strategy, scope)
            done.updated = self._update()
        done.inserted = self._insert(is_new=True)
        done.unchanged = done.rows_written - done.inserted - done.updated
        return done

    def _insert(self, *, is_new: bool) -> int:
        """Insert all rows, or those of new keys; the database numbers rows without a number."""
        if self._generated is None:
            return self._insert_columns(self.names, is_new=is_new)
        number = self._rows.c[self._generated]
        others = [name for name in self.names if name != self._generated]
        given = self._insert_columns(self.names, number.is_not(None), is_new=is_new)
        return given + self._insert_columns(others, number.is_(None), is_new=is_new)

    def _insert_columns(
        self, names: list[str], *conditions: ColumnElement[bool], is_new: bool
    ) -> int:
        rows = select(*(self._rows.c[name] for name in names)).where(*conditions)
        if is_new:
            # A join is what SQLite makes an index for, if the table has none.
            rows = rows.select_from(self._rows.outerjoin(self._target, self._match()))
            rows = rows.where(self._target.c[self._key[0]].is_(None))
        ordered = rows.order_by(self._rows.c.coco_number)
        statement = insert(self._target).from_select(names, ordered)
        done = self._connection.execute(statement, execution_options={"preserve_rowcount": True})
        return int(done.rowcount)

    def _keep_last(self) -> None:
        """Keep of rows of one key the last that was written."""
        number = self._rows.c.coco_number
        place = func.row_number().over(
            partition_by=[self._rows.c[name] for name in self._key], order_by=number.desc()
        )
        ranked = select(number, place.label("place")).subquery()
        repeated = select(ranked.c.coco_number).where(ranked.c.place > 1)
        self._connection.execute(delete(self._rows).where(number.in_(repeated)))

    def _index(self) -> None:
        """Let the database find a row by its key: SQLite would read all rows for each."""
        key = (self._rows.c[name] for name in self._key)
        Index(f"{self._rows.name}_key", *key).create(self._connection)

    def _match(self) -> ColumnElement[bool]:
        return and_(*(self._target.c[name] == self._rows.c[name] for name in self._key))

    def _differs(self) -> ColumnElement[bool]:
        """Return the condition that a row's content is not what the table has."""
        compared = [
            _comparable(self._target.c[name]).is_distinct_from(_comparable(self._rows.c[name]))
            for name in self.names
            if name not in {*bookkeeping_of(self._target), *self._key, self._generated}
        ]
        return or_(*compared) if compared else self._rows.c.coco_number < 0

    def _update(self) -> int:
        kept = {*self._key, self._generated}
        if bookkeeping_of(self._target):
            kept.add("created_at")
        changed = [name for name in self.names if name not in kept]
        if not changed:
            return 0
        done = self._connection.execute(
            update(self._target)
            .values({name: self._rows.c[name] for name in changed})
            .where(self._match(), self._differs())
        )
        return int(done.rowcount)

    def _remove(self, strategy: str, scope: Scope) -> int:
        unwritten = ~exists(
            select(1).select_from(self._rows).where(self._match())
        ).correlate(self._target)  # fmt: skip
        conditions: list[ColumnElement[bool]] = []
        if self._document is None:
            if strategy == "replace" and scope.everything:
                conditions.append(unwritten)
        else:
            column = self._target.c[self._document]
            if scope.vanished:
                conditions.append(self._is_one_of(column, scope.vanished))
            if strategy == "replace" and scope.everything:
                spared = ~self._is_one_of(column, scope.spared) if scope.spared else None
                conditions.append(unwritten if spared is None else and_(unwritten, spared))
            elif strategy == "replace" and scope.documents - scope.spared:
                inside = self._is_one_of(column, scope.documents - scope.spared)
                conditions.append(and_(unwritten, inside))
        if not conditions:
            return 0
        return int(self._connection.execute(delete(self._target).where(or_(*conditions))).rowcount)

    def _is_one_of(self, column: Any, documents: frozenset[str]) -> ColumnElement[bool]:
        return is_one_of(column, sorted(documents), self._connection.dialect)


def _number(value: Any) -> int | float:
    # PostgreSQL sums integers as a decimal.
    return float(value) if isinstance(value, float) or value != int(value) else int(value)


def _comparable(column: Any) -> Any:
    """Return a column as something that has an order: PostgreSQL's json has none."""
    return cast(column, String) if isinstance(column.type, JSON) else column
