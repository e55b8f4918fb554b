"""The state store's connection to a SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from coco_flow.errors import StateBroken
from coco_flow.write_ahead import use_write_ahead_log

__all__ = ["SqliteConnection", "open_sqlite"]

# How long a statement waits for another process that writes, in seconds.
_BUSY_TIMEOUT = 60.0


def open_sqlite(path: Path | str) -> sqlite3.Connection:
    """Open a SQLite file for durable state: WAL, foreign keys, manual transactions.

    `synchronous=NORMAL` loses no consistency in a power cut, at most the last transactions, which
    the next update does again.

    Raises:
        StateBroken: The file cannot be opened, or is not a SQLite database.
    """
    try:
        if str(path) != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        connection.create_function("unix_now", 0, time.time)
        use_write_ahead_log(connection, _BUSY_TIMEOUT)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # 32 MiB of page cache: the index of a million rows stays in memory.
        connection.execute("PRAGMA cache_size = -32768")
    except (sqlite3.Error, OSError) as error:
        raise StateBroken(
            f"The state file {str(path)!r} cannot be opened: {error}.",
            hint="Check its folder's permissions and the free disk space, or name another place in "
            "COCO_FLOW_DATABASE_URL; if the file is damaged, move it away and run "
            "`coco-flow update --reset`.",
        ) from error
    return connection


class SqliteConnection:
    """One SQLite connection, used under a lock."""

    # SQLite's own limit is 32,766 parameters; short lists keep the statement cache small.
    list_limit = 512

    def __init__(self, path: Path | str) -> None:
        self.url = f"sqlite:///{path}"
        self.lock = threading.RLock()
        self._path = path
        self._connection = open_sqlite(path)
        self._depth = 0

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self.lock, self._reported():
            return self._connection.execute(statement, parameters).fetchall()

    def execute_many(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each set of parameters."""
        if parameters:
            with self.lock, self._reported():
                self._connection.executemany(statement, parameters)

    def execute_list(
        self, statement: str, before: Sequence[Any], values: Sequence[Any]
    ) -> Iterator[tuple[Any, ...]]:
        """Run a statement with `values` for its `{keys}`, in as many parts as it needs."""
        for start in range(0, len(values), self.list_limit):
            part = values[start : start + self.list_limit]
            marks = ",".join("?" * len(part))
            yield from self.execute(statement.format(keys=marks), (*before, *part))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside one transaction; nested uses join the outer one."""
        with self.lock:
            if self._depth:
                yield
                return
            with self._reported():
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                with self._reported():
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    @contextmanager
    def flow_lock(self, name: str, wait: bool) -> Iterator[bool]:
        """Hold a lock file next to the state file; the system frees it when the process ends."""
        if str(self._path) == ":memory:":
            yield True
            return
        # Names may hold characters that file names cannot.
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        lock = FileLock(f"{self._path}.{digest}.lock", thread_local=False)
        try:
            lock.acquire(timeout=-1 if wait else 0, poll_interval=0.02)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def byte_size(self) -> int:
        """Return the size of the file and its log."""
        if str(self._path) == ":memory:":
            return 0
        parts = (Path(f"{self._path}{suffix}") for suffix in ("", "-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def compact(self) -> None:
        """Rewrite the file without the pages that are free."""
        self.execute("VACUUM")
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection."""
        with self.lock:
            self._connection.close()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateBroken(
                f"The state file {str(self._path)!r} failed: {error}.",
                hint="Check the free disk space and the file's permissions, then run again: an "
                "update continues where it stopped.",
            ) from error
