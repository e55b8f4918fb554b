"""Write-ahead logging of a SQLite file, which two processes may switch on at once."""

from __future__ import annotations

import sqlite3
import time

__all__ = ["use_write_ahead_log"]

_POLL_SECONDS = 0.01


def use_write_ahead_log(connection: sqlite3.Connection, seconds: float) -> None:
    """Let a file keep a write-ahead log, as it does from the first time on.

    A new file changes its mode under a lock for which SQLite itself does not wait: of two
    processes that open it together, one was told at once that the database is locked.

    Args:
        connection: Outside of a transaction; of `sqlite3` or of a driver with the same interface.
        seconds: How long to wait for another process.

    Raises:
        sqlite3.OperationalError: The file is still locked then, or cannot be written.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except connection.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
