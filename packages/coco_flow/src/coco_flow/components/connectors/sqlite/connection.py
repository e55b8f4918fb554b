"""A SQLite connection that several threads share."""

from __future__ import annotations

import importlib
import importlib.util
import sqlite3
import threading
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from coco_flow.errors import missing_extra

__all__ = ["VEC_EXTENSION", "ManagedConnection", "connect", "managed_connection"]

VEC_EXTENSION = "sqlite-vec"


@dataclass
class ManagedConnection:
    """A connection in autocommit mode, used by one thread at a time."""

    _conn: sqlite3.Connection
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _loaded_extensions: set[str] = field(default_factory=set)

    @property
    def loaded_extensions(self) -> Set[str]:
        """Names of the extensions that are loaded."""
        return self._loaded_extensions

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done inside, or roll it back if it raises."""
        with self._lock:
            # With the write lock from the start another process waits; later it would fail instead.
            self._conn.execute("BEGIN IMMEDIATE")
            try:
                yield self._conn
            except BaseException:
                self._conn.execute("ROLLBACK")
                raise
            self._conn.execute("COMMIT")

    @contextmanager
    def readonly(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to read with, without a transaction."""
        with self._lock:
            yield self._conn

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._conn.close()


def connect(
    database: str | Path,
    *,
    timeout: float = 5.0,
    load_vec: bool | Literal["auto"] = "auto",
    **kwargs: Any,
) -> ManagedConnection:
    """Open a database.

    Args:
        database: Path of the file, or ":memory:".
        timeout: Seconds to wait for another process's lock.
        load_vec: Whether to load sqlite-vec: True, False, or "auto" for "if it can be had".
        kwargs: For `sqlite3.connect`.
    """
    driver = _driver(load_vec)
    opened = driver.connect(
        str(database), timeout=timeout, isolation_level=None, check_same_thread=False, **kwargs
    )
    managed = ManagedConnection(opened)
    if load_vec:
        try:
            _load_vec(managed)
        except (ImportError, RuntimeError, opened.Error):
            if load_vec != "auto":
                managed.close()
                raise
    return managed


@contextmanager
def managed_connection(
    database: str | Path,
    *,
    timeout: float = 5.0,
    load_vec: bool | Literal["auto"] = "auto",
    **kwargs: Any,
) -> Iterator[ManagedConnection]:
    """Open a database and close it at the end; takes what `connect` takes."""
    managed = connect(database, timeout=timeout, load_vec=load_vec, **kwargs)
    try:
        yield managed
    finally:
        managed.close()


def _driver(load_vec: bool | Literal["auto"]) -> Any:
    """Return the module to open databases with: one that can load extensions, if it matters."""
    if (
        not load_vec
        or hasattr(sqlite3.Connection, "enable_load_extension")
        or importlib.util.find_spec("sqlite_vec") is None
        or importlib.util.find_spec("pysqlite3") is None
    ):
        return sqlite3
    return _RowsOfEither


class _RowsOfEither:
    """The module pysqlite3, for programs that know sqlite3."""

    @staticmethod
    def connect(database: str, **kwargs: Any) -> Any:
        pysqlite3: Any = importlib.import_module("pysqlite3")

        class Connection(pysqlite3.Connection):  # type: ignore[misc]  # its module has no types
            """Accepts the row class of either module as its own."""

            def __setattr__(self, name: str, value: Any) -> None:
                if name == "row_factory" and value is sqlite3.Row:
                    value = pysqlite3.Row
                super().__setattr__(name, value)

        return pysqlite3.connect(database, factory=Connection, **kwargs)


def _load_vec(managed: ManagedConnection) -> None:
    try:
        sqlite_vec: Any = importlib.import_module("sqlite_vec")
    except ImportError as error:
        raise missing_extra("A vector column in SQLite", "sqlite-vec", "sqlite") from error
    opened: Any = managed._conn
    if not hasattr(opened, "enable_load_extension"):
        raise RuntimeError(
            "This Python's sqlite3 module was built without extensions, so that sqlite-vec cannot "
            "be loaded. Run: pip install pysqlite3-binary"
        )
    opened.enable_load_extension(True)
    try:
        sqlite_vec.load(opened)
    finally:
        opened.enable_load_extension(False)
    managed._loaded_extensions.add(VEC_EXTENSION)
