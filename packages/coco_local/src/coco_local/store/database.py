"""SQLite connections: one writer, readers that never wait, rebuild on a foreign schema."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.pool import QueuePool

from coco_core.errors import StoreBroken
from coco_local.store.failure import is_damage, store_failure

__all__ = ["Database"]

log = structlog.get_logger(__name__)

# Enough for the query threads, the index worker and the embedding worker at once.
_POOL_SIZE = 8


class Database:
    """One SQLite file with the tables of ``metadata``.

    Args:
        keep: tables that survive a change of ``version``, for only the user could rebuild them.
    """

    def __init__(
        self, path: Path, metadata: MetaData, version: int, keep: Collection[Table] = ()
    ) -> None:
        self.path = path
        self._metadata, self._version, self._keep = metadata, version, keep
        self._write_lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.engine = self._open()
        except DatabaseError as error:
            failure = store_failure(error, path)
            if failure is not None and not is_damage(error):
                raise failure from error
            # A cache that cannot be read is worth nothing: put it aside, begin anew from disk.
            log.warning("store_rebuilt", path=str(path), reason=str(error.orig))
            self._set_aside()
            self.engine = self._open()

    def _open(self) -> Engine:
        engine = create_engine(
            f"sqlite:///{self.path}",
            poolclass=QueuePool,
            pool_size=_POOL_SIZE,
            connect_args={"check_same_thread": False, "timeout": 10.0},
        )
        event.listen(engine, "connect", _configure)
        try:
            with engine.begin() as connection:
                # Damage shows here and not in the middle of the work; 60,000 chunks take 30 ms.
                if connection.execute(text("PRAGMA quick_check(1)")).scalar_one() != "ok":
                    raise DatabaseError("quick_check", None, ValueError("its pages are damaged"))
                found = connection.execute(text("PRAGMA user_version")).scalar_one()
                if found not in (0, self._version):
                    self._drop_index(connection, found)
                self._metadata.create_all(connection)
                connection.execute(text(f"PRAGMA user_version = {self._version:d}"))
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _drop_index(self, connection: Connection, found: int) -> None:
        log.warning("schema_changed", path=str(self.path), found=found, expected=self._version)
        for table in reversed(self._metadata.sorted_tables):
            if table not in self._keep:
                table.drop(connection, checkfirst=True)

    def _set_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + suffix)
            if file.exists():
                try:
                    file.replace(file.with_name(file.name + ".broken"))
                except OSError as error:
                    raise StoreBroken(
                        f"The database {str(self.path)!r} is damaged and cannot be moved: {error}.",
                        hint=f"Delete {str(self.path)!r} by hand; it will be rebuilt.",
                    ) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading.

        Raises:
            StoreBroken: the file cannot be read.
        """
        with self._translated_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction; writers of this process take turns.

        Raises:
            StoreBroken: the file cannot be written: the disk is full, or gone.
        """
        with self._translated_errors(), self._write_lock, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise store_failure(error, self.path) or error from error

    def size_bytes(self) -> int:
        """Return what the database occupies on disk."""
        files = (self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def vacuum(self) -> None:
        """Give the space of deleted rows back to the file system."""
        with self._write_lock, self.engine.connect() as connection:
            # VACUUM runs outside of a transaction.
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))

    def close(self) -> None:
        """Close every connection; the write-ahead log is folded into the file."""
        with self._write_lock:
            try:
                with self.engine.connect() as connection:
                    connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
            except DBAPIError as error:
                # The log stands beside the file, and the next start reads both.
                log.warning("checkpoint_failed", path=str(self.path), reason=str(error.orig))
            self.engine.dispose()


def _configure(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the raw sqlite3 connection
    cursor.execute("PRAGMA journal_mode = WAL")
    # A power cut may lose the last transactions but never consistency: the disk is the truth.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
