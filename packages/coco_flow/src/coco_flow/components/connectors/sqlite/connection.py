"""A SQLite connection that several threads share."""

from __future__ import annotations

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
            # Taking the write lock at once lets another process wait; later it would fail instead.
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
    opened = sqlite3.connect(
        str(database), timeout=timeout, isolation_level=None, check_same_thread=False, **kwargs
    )
    managed = ManagedConnection(opened)
    if load_vec:
        try:
            _load_vec(managed)
        except (ImportError, sqlite3.Error, RuntimeError):
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


def _load_vec(managed: ManagedConnection) -> None:
    try:
        import sqlite_vec
    except ImportError as error:
        raise missing_extra("A vector column in SQLite", "sqlite-vec", "sqlite-vec") from error
    opened = managed._conn
    if not hasattr(opened, "enable_load_extension"):
        raise RuntimeError(
            "This Python's sqlite3 cannot load extensions, so there is no sqlite-vec; use a Python "
            "built with --enable-loadable-sqlite-extensions."
        )
    opened.enable_load_extension(True)
    try:
        sqlite_vec.load(opened)
    finally:
        opened.enable_load_extension(False)
    managed._loaded_extensions.add(VEC_EXTENSION)
