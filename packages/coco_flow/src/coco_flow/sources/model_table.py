"""Source of the rows that a table model has written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from coco_flow.auth import (
    TransientAuthEntryReference,
    add_transient_auth_entry,
    resolve_auth_entry,
)
from coco_flow.errors import DefinitionError, missing_extra
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import SourceConnector, SourceSchema
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources.file_content import basic_field
from coco_flow.sources.postgres import Postgres, PostgresNotification, PostgresSource
from coco_flow.sources.registry import register_source
from coco_flow.sources.sqlite import Sqlite, SqliteSource
from coco_flow.sources.sqlite_columns import Column
from coco_flow.sources.sqlite_table import quote

if TYPE_CHECKING:
    from sqlalchemy import Table

    from coco_flow.models.database import Database

__all__ = ["ModelTable"]

_SQLITE = "sqlite:///"


class ModelTable(SourceSpec):
    """Rows of a table model's table, in SQLite or PostgreSQL.

    The table must be there: run the model once before the flow. A row's change token is a digest
    of the row in SQLite, and the transaction that wrote it in PostgreSQL; a row that a run left
    as it was is not processed again.

    Attributes:
        model: The model's name, or its table's.
        database: The URL of the models' database, or an auth entry of it; None is the default of
            `coco_flow.models`.
        key: Columns that identify a row; None is the model's primary key.
        columns: Columns to read besides the key; None is all but those that say which run wrote
            the row and when.
        filter: An SQL condition for the rows to read. Rows that hold nothing but the error of
            their document are never read.
        watch_changes: In live mode, process changes as soon as a run has committed them.
    """

    model: str
    database: str | TransientAuthEntryReference[DatabaseConnectionSpec] | None = None
    key: list[str] | None = None
    columns: list[str] | None = None
    filter: str | None = None
    watch_changes: bool = False

    def __post_init__(self) -> None:
        """Keep a URL that may hold a password out of what is shown of the spec."""
        if isinstance(self.database, str) and not self.database.startswith(_SQLITE):
            self.database = add_transient_auth_entry(DatabaseConnectionSpec(url=self.database))


@dataclass(frozen=True, slots=True)
class _Found:
    """A model's table.

    Attributes:
        name: Its name.
        key: The columns that identify a row; None leaves it to the database.
        table: The table as the program declares it, or else as the database has it.
        is_declared: Whether the program declares it.
    """

    name: str
    key: list[str] | None
    table: Table
    is_declared: bool


def open_model_table(spec: ModelTable) -> SourceConnector:
    """Return the source of a model's table, over the database that it is in.

    Raises:
        DefinitionError: There is no such model or column, or the model has not run yet.
        ExtraMissing: What table models need is not installed.
    """
    try:
        from coco_flow.models.database import current_database
    except ImportError as error:
        raise missing_extra("The source ModelTable", "sqlmodel", "models") from error
    from coco_flow.models.flow_tables import existing_database

    url = current_database().url if spec.database is None else _url(spec.database)
    database = existing_database(url)
    found = _find(spec.model, database)
    options: dict[str, Any] = {
        "included_columns": spec.columns or _contents(found.table),
        "primary_key_columns": spec.key or found.key,
        "filter": _condition(spec.filter, found),
    }
    if database.is_sqlite:
        path = str(database.engine.url.database)
        rows = Sqlite(path=path, table_name=found.name, watch_changes=spec.watch_changes, **options)
        return _TypedRows(rows, found.table if found.is_declared else None)
    return PostgresSource(
        Postgres(
            table_name=quote(found.name),
            database=add_transient_auth_entry(DatabaseConnectionSpec(url=_plain_url(database))),
            notification=PostgresNotification() if spec.watch_changes else None,
            **options,
        )
    )


def _url(given: str | TransientAuthEntryReference[DatabaseConnectionSpec]) -> str:
    from coco_flow.models.flow_tables import database_url

    if isinstance(given, str):
        return given
    spec = resolve_auth_entry(given)
    if spec.url.startswith(("postgres:", "postgresql:")) or "://" not in spec.url:
        return database_url(spec)
    return spec.url


def _plain_url(database: Database) -> str:
    return database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _find(name: str, database: Database) -> _Found:
    """Find a model's table: by the program's declaration, or by what a run recorded."""
    from coco_flow.models.flow_tables import read_table
    from coco_flow.models.registry import ModelRegistry

    declared = ModelRegistry.resolve(name)
    table_name = declared.table.name if declared else _recorded_table(name, database) or name
    if not database.has_table(table_name):
        if declared or "." not in name:
            raise DefinitionError(
                f"The table {table_name!r} of the source ModelTable({name!r}) is not in "
                f"{database.public_url}.",
                hint="Run the model that writes it first: `coco-flow models run`.",
            )
        raise DefinitionError(
            f"ModelTable({name!r}): no model of that name has run on {database.public_url}.",
            hint="Correct the name, or run the model first: `coco-flow models run`.",
        )
    if declared is None:
        return _Found(table_name, None, read_table(database, table_name), is_declared=False)
    return _Found(table_name, list(declared.primary_key), declared.table, is_declared=True)


def _recorded_table(name: str, database: Database) -> str | None:
    """Return the table that a model wrote in its latest run, if it ever ran here."""
    from sqlalchemy import select

    from coco_flow.models.store.tables import RESULTS

    if not database.has_table(RESULTS.name):
        return None
    latest = select(RESULTS.c.result).where(RESULTS.c.model == name)
    with database.reading() as connection:
        row = connection.execute(latest.order_by(RESULTS.c.ended_at.desc()).limit(1)).first()
    return None if row is None else row.result.get("table_name")


def _contents(table: Table) -> list[str]:
    """Return the columns of a table without those of bookkeeping."""
    from coco_flow.models.rows import bookkeeping_of

    skipped = bookkeeping_of(table)
    return [name for name in table.c.keys() if name not in skipped]  # noqa: SIM118 - no dict


def _condition(given: str | None, found: _Found) -> str | None:
    """Return the condition for rows, without those that hold nothing but an error.

    A run writes such a row for a document that failed before it had any, if its id alone is the
    key and nothing else is required.
    """
    table = found.table
    key = found.key or [column.name for column in table.primary_key]
    contents = [table.c[name] for name in _contents(table) if name not in (*key, "error")]
    may_be_empty = all(column.nullable or column.default is not None for column in contents)
    optional = [column.name for column in contents if column.nullable and column.default is None]
    if "error" not in table.c or key != ["document_id"] or not may_be_empty or not optional:
        return given
    has_content = " OR ".join(f"{quote(name)} IS NOT NULL" for name in optional)
    own = f"({quote('error')} IS NULL OR {has_content})"
    return own if given is None else f"({given}) AND {own}"


class _TypedRows(SqliteSource):
    """Rows of SQLite with the types that the row class has, which SQLite's own are fewer than."""

    def __init__(self, spec: Sqlite, declared: Table | None) -> None:
        super().__init__(spec)
        if declared is None:
            return
        value = tuple(_typed(one, declared) for one in self._table.value)
        self._table = replace(self._table, value=value)
        self.schema = SourceSchema(self.schema.key, tuple(one.field for one in value))
        self.content_options = {
            "columns": [[one.field.name, str(one.field.value_type)] for one in value]
        }


def _typed(found: Column, declared: Table) -> Column:
    from sqlalchemy import DateTime, TypeDecorator, Uuid

    kind = declared.c[found.field.name].type
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    name, nullable = found.field.name, found.field.value_type.nullable
    if isinstance(kind, Uuid):
        return Column(basic_field(name, "Uuid", nullable=nullable), UUID)
    if isinstance(kind, DateTime) and kind.timezone:
        return Column(basic_field(name, "OffsetDateTime", nullable=nullable), _in_utc)
    return found


def _in_utc(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is stored as {type(value).__name__}")
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


register_source(ModelTable, open_model_table)
