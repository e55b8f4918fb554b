"""The database that models read and write: SQLite or PostgreSQL."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, NoSuchTableError, OperationalError

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError
from coco_flow.setting import mask_password_parameter
from coco_flow.write_ahead import use_write_ahead_log

__all__ = ["Database", "configure", "current_database", "database_of"]

DEFAULT_URL = "sqlite:///coco_models.db"
URL_VARIABLE = "COCO_FLOW_MODELS_DATABASE"

# How often a lock that another process holds is asked for.
_LOCK_SECONDS = 0.05

# How often a database server that went away is asked again.
_REACH_SECONDS = 0.5

# Parts of the messages with which an SQLite file cannot be used.
_SQLITE_LOSS = ("unable to open", "locked", "readonly", "disk", "malformed")

# How long one writer of an SQLite file waits for another.
_BUSY_SECONDS = 60


class Database:
    """A database by URL, with one pool of connections.

    Args:
        url: ``sqlite:///file`` or ``postgresql://user@host/name``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _engine(url)
        self._reflected = MetaData()
        self._lock = threading.Lock()

    @property
    def public_url(self) -> str:
        """The URL without a password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection for reading.

        Raises:
            Unavailable: The database cannot be reached.
        """
        with self.translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes; it is committed at the end, rolled back by an error."""
        with self.reading() as connection, self.transaction(connection):
            yield connection

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Begin a writing transaction on a connection that is open."""
        # SQLite refuses a reading transaction that wants to write after another one wrote.
        connection.execution_options(coco_immediate=True)
        with self.translated(), connection.begin():
            yield

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the loss of the database into an error that says so.

        Raises:
            Unavailable: The database cannot be reached.
        """
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if self.is_sqlite and not any(one in str(error.orig) for one in _SQLITE_LOSS):
                # SQLite says the same of a statement that is wrong.
                raise
            raise self._unavailable(error) from error
        except DBAPIError as error:
            if error.connection_invalidated or "not a database" in str(error.orig):
                raise self._unavailable(error) from error
            raise

    def _unavailable(self, error: DBAPIError) -> Unavailable:
        return Unavailable(
            f"The database {self.public_url} cannot be used: {_first_line(error)}.",
            hint="Check that it is there and running; `coco-flow models resume RUN` continues a "
            "run that was interrupted.",
        )

    def wait_until_reachable(self, seconds: float) -> bool:
        """Wait until the database answers; False if it does not within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with self.reading() as connection:
                    connection.execute(text("SELECT 1"))
            except Unavailable:
                time.sleep(_REACH_SECONDS)
            else:
                return True
        return False

    def table(self, name: str) -> Table:
        """Return a table as the database has it.

        Raises:
            DefinitionError: There is none of that name.
        """
        with self._lock:
            if name in self._reflected.tables:
                return self._reflected.tables[name]
            with self.reading() as connection:
                try:
                    table = Table(name, self._reflected, autoload_with=connection)
                    return _as_declared(table)
                except NoSuchTableError:
                    names = ", ".join(self.table_names()) or "none"
                    raise DefinitionError(
                        f"There is no table {name!r} in {self.public_url}.",
                        hint=f"Tables there: {names}.",
                    ) from None

    def has_table(self, table: str | Table) -> bool:
        """Say whether there is a table or view of this name."""
        name, schema = (table, None) if isinstance(table, str) else (table.name, table.schema)
        with self.reading() as connection:
            found = inspect(connection)
            return found.has_table(name, schema)

    def table_names(self) -> list[str]:
        """Return the names of the tables, without those of the engine."""
        with self.reading() as connection:
            names = inspect(connection).get_table_names()
        return sorted(name for name in names if not name.startswith("coco_model_"))

    def forget_tables(self) -> None:
        """Look at the tables' columns again when they are next used."""
        with self._lock:
            self._reflected.clear()

    def ensure(self, table: Table) -> None:
        """Create a model's table, or add the columns that it lacks.

        Raises:
            DefinitionError: Row class and table differ in a way that needs a decision of the user.
        """
        from coco_flow.models.store.schema import ensure_table

        ensure_table(self, table)

    def lock(self, connection: Connection, what: str) -> None:
        """Let no other process do the same until the transaction ends; SQLite has one writer.

        PostgreSQL would let two processes look for a table, or for a row's key, and both create it.
        """
        if not self.is_sqlite:
            statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")
            connection.execute(statement, _lock_name(what))

    @contextmanager
    def locked(self, what: str) -> Iterator[None]:
        """Let no other process do the same meanwhile, without a transaction that others wait for.

        An index that PostgreSQL creates concurrently waits for every transaction that is open, also
        for one that waits for a lock; so the lock is asked for again and again.
        """
        if self.is_sqlite:
            yield
            return
        with self.reading() as opened:
            session = opened.execution_options(isolation_level="AUTOCOMMIT")
            key = "hashtextextended(:what, 0)"
            attempt = text(f"SELECT pg_try_advisory_lock({key})")
            while not session.execute(attempt, _lock_name(what)).scalar_one():
                time.sleep(_LOCK_SECONDS)
            try:
                yield
            finally:
                session.execute(text(f"SELECT pg_advisory_unlock({key})"), _lock_name(what))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        if make_url(url).database in (None, "", ":memory:"):
            raise DefinitionError(
                f"{url!r} is a database in memory, which each connection has for itself.",
                hint="Give a file: sqlite:///models.db.",
            )
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            url = f"postgresql+psycopg://{url[len(scheme) :]}"
    if not url.startswith("postgresql+psycopg://"):
        raise DefinitionError(
            f"{mask_password_parameter(url)!r} is no database for models.",
            hint="Give sqlite:///file or postgresql://user@host/name.",
        )
    return create_engine(url, pool_pre_ping=True)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The transactions are ours to begin: see _begin_sqlite.
    connection.isolation_level = None
    use_write_ahead_log(connection, _BUSY_SECONDS)
    # A commit of a model's rows must be on disk before its step is recorded elsewhere.
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("coco_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _as_declared(table: Table) -> Table:
    """Give columns the types of the row class, if the program has one for the table.

    SQLite has neither UUIDs nor times with zones: it keeps them as other types.
    """
    from sqlmodel import SQLModel

    declared = SQLModel.metadata.tables.get(table.name)
    for column in table.columns:
        if declared is not None and column.name in declared.c:
            column.type = declared.c[column.name].type
    return table


def _lock_name(what: str) -> dict[str, str]:
    return {"what": f"coco_flow.models {what}"}


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0].rstrip(".")


_configured: str | None = None
_open: dict[str, Database] = {}
_lock = threading.Lock()


def configure(*, database: str | None = None) -> None:
    """Set the database that pipelines, readers and writers of this process use by default."""
    global _configured  # noqa: PLW0603 - one default for the process
    _configured = database


def current_database() -> Database:
    """Return the default database: the configured one, the environment's, or a local file."""
    return database_of(_configured or os.environ.get(URL_VARIABLE) or DEFAULT_URL)


def database_of(url: str | Database | None) -> Database:
    """Return the database of a URL; each URL is opened once."""
    if url is None:
        return current_database()
    if isinstance(url, Database):
        return url
    with _lock:
        if url not in _open:
            _open[url] = Database(url)
        return _open[url]
