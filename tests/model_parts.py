"""What tests of table models share: a registry of their own, and databases to run on.

Import the fixtures that are needed: ``from tests.model_parts import database, own_models``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, insert, select, text
from sqlmodel import Field, SQLModel
from sqlmodel.main import default_registry

from coco_flow.models.database import Database, configure, database_of
from coco_flow.models.pipeline import _pipelines
from coco_flow.models.registry import ModelRegistry
from coco_flow.models.rows import PipelineModelBase
from tests.postgres_server import running_postgres

__all__ = [
    "KINDS",
    "contents",
    "database",
    "fill",
    "no_models",
    "open_database",
    "own_models",
    "row_class",
]

KINDS = ("sqlite", "postgres")

_numbers = itertools.count(1)


@contextmanager
def no_models() -> Iterator[None]:
    """Begin without models, and forget afterwards the models and row classes that were declared."""
    models, pipelines = dict(ModelRegistry._models), dict(_pipelines)
    tables, classes = set(SQLModel.metadata.tables), _mapped_classes()
    ModelRegistry.clear()
    _pipelines.clear()
    try:
        yield
    finally:
        for name in set(SQLModel.metadata.tables) - tables:
            SQLModel.metadata.remove(SQLModel.metadata.tables[name])
        for declared in _mapped_classes() - classes:
            # A class of the same name may be declared again; SQLAlchemy would warn.
            default_registry._dispose_cls(declared)
        ModelRegistry.clear()
        ModelRegistry._models.update(models)
        _pipelines.clear()
        _pipelines.update(pipelines)


def _mapped_classes() -> set[type]:
    return {manager.class_ for manager in default_registry._managers}


@pytest.fixture
def own_models() -> Iterator[None]:
    """Let a test declare models and row classes without meeting those of other tests."""
    with no_models():
        yield


# Databases that no test uses: to empty one is faster than to create one.
_idle: list[str] = []

# Drops what the user owns in this database. DROP OWNED would take roles of the whole server, too.
_EMPTY = """
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT nspname FROM pg_namespace WHERE nspowner = current_user::regrole LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', one.nspname);
  END LOOP;
  FOR one IN SELECT relname, CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND relowner = current_user::regrole LOOP
    EXECUTE format('DROP %s IF EXISTS public.%I CASCADE', one.kind, one.relname);
  END LOOP;
  FOR one IN SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
      AND typtype = 'e' AND typowner = current_user::regrole LOOP
    EXECUTE format('DROP TYPE IF EXISTS public.%I CASCADE', one.typname);
  END LOOP;
  FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole LOOP
    EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one.name);
  END LOOP;
END $$
"""


@contextmanager
def open_database(kind: str, folder: Path) -> Iterator[Database]:
    """Open an empty database of one kind as the process's default."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / f'models_{next(_numbers)}.db'}"
    else:
        url = _idle.pop() if _idle else _new_database()
    opened = database_of(url)
    configure(database=url)
    try:
        yield opened
    finally:
        configure(database=None)
        if kind == "postgres":
            _empty(opened)
            _idle.append(url)
        opened.close()


def _new_database() -> str:
    return running_postgres().create_database(f"models_{next(_numbers)}")


def _empty(database: Database) -> None:
    with database.writing() as connection:
        # A connection that a test left open says so here, and does not hang.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
        connection.exec_driver_sql(_EMPTY.replace("%", "%%"))
    database.forget_tables()


@pytest.fixture(params=KINDS)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, own_models: None
) -> Iterator[Database]:
    """An empty database, the process's default; each test runs on SQLite and on PostgreSQL."""
    with open_database(request.param, tmp_path) as opened:
        yield opened


def row_class(
    table: str | None = None, *, key: Any = str, schema: str | None = None, **columns: Any
) -> Any:
    """Declare a row class of a name of its own, with the key `document_id` and more columns.

    Args:
        table: The table's name.
        key: The type of the key, or key columns and their types.
        schema: The schema that the table is in.
        columns: A type for each column, or a type and a `Field`.
    """
    number = next(_numbers)
    keys = key if isinstance(key, dict) else {"document_id": key}
    fields = {name: (kind, Field(primary_key=True)) for name, kind in keys.items()}
    for name, given in columns.items():
        fields[name] = given if isinstance(given, tuple) else (given | None, None)
    body = {
        "__tablename__": table or f"rows_{number}",
        "__table_args__": {"schema": schema},
        "__module__": __name__,
        "__annotations__": {name: kind for name, (kind, _) in fields.items()},
        **{name: default for name, (_, default) in fields.items()},
    }
    return type(SQLModel)(f"Rows{number}", (PipelineModelBase,), body, table=True)


def fill(
    database: Database, create: str, rows: Iterable[Mapping[str, Any]] = (), name: str = "documents"
) -> None:
    """Create a table by a statement and insert rows."""
    with database.writing() as connection:
        connection.execute(text(create))
        table = Table(name, MetaData(), autoload_with=connection)
        listed = [dict(row) for row in rows]
        if listed:
            connection.execute(insert(table), listed)
    database.forget_tables()


def contents(database: Database, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table, sorted; of these columns, or all."""
    with database.reading() as connection:
        table = Table(name, MetaData(), autoload_with=connection)
        chosen = [table.c[column] for column in columns] or list(table.c)
        rows = [tuple(row) for row in connection.execute(select(*chosen))]
    return sorted(rows, key=repr)
