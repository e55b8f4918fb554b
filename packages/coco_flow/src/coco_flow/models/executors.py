"""Which processes are alive, so that the work of a killed one can be taken over."""

from __future__ import annotations

import os
import secrets
import socket
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = ["Liveness", "ProgramLiveness", "liveness_of", "new_executor_id"]

# The first of the two numbers of our advisory locks, so that others do not meet them.
_LOCK_SPACE = zlib.crc32(b"coco_flow.models") & 0x7FFFFFFF


def new_executor_id() -> str:
    """Return an id for this process that no other has."""
    host = "".join(c for c in socket.gethostname().lower() if c.isalnum() or c == "-")[:40]
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


class Liveness(Protocol):
    """Locks that a process holds as long as it lives, whatever ends it."""

    def hold(self, executor_id: str) -> None:
        """Take this process's lock."""

    def renew(self) -> None:
        """Take this process's lock again if it was lost with its session."""

    def is_alive(self, executor_id: str) -> bool:
        """Say whether the process of this id still holds its lock."""

    def release(self) -> None:
        """Give this process's lock back."""


class FileLiveness:
    """A locked file beside the database for each process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: FileLock | None = None

    def _lock(self, executor_id: str) -> FileLock:
        return FileLock(self._folder / f"{executor_id}.lock")

    def hold(self, executor_id: str) -> None:
        """Take this process's lock."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._held = self._lock(executor_id)
        self._held.acquire(timeout=0)

    def renew(self) -> None:
        """A lock of a file is lost with the process only."""

    def is_alive(self, executor_id: str) -> bool:
        """Say whether the process of this id still holds its lock."""
        lock = self._lock(executor_id)
        if not Path(lock.lock_file).exists():
            return False
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
        return False

    def release(self) -> None:
        """Give this process's lock back."""
        if self._held is not None:
            self._held.release()
            Path(self._held.lock_file).unlink(missing_ok=True)
            self._held = None


class PostgresLiveness:
    """An advisory lock for each process, held by a session that ends with it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: Connection | None = None
        self._executor_id = ""

    def hold(self, executor_id: str) -> None:
        """Take this process's lock."""
        self._executor_id = executor_id
        self._session = self._database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        )
        # Not taken is as good: an older session of this process has it, as the server sees it.
        self._session.execute(text("SELECT pg_try_advisory_lock(:space, :key)"), _key(executor_id))

    def renew(self) -> None:
        """Take this process's lock again: the server may have been restarted.

        Raises:
            Unavailable: The server is away; the next call tries again.
        """
        if self._session is not None:
            try:
                self._session.execute(text("SELECT 1"))
            except DBAPIError:
                self.release()
        if self._session is None and self._executor_id:
            with self._database.translated():
                self.hold(self._executor_id)

    def is_alive(self, executor_id: str) -> bool:
        """Say whether the process of this id still holds its lock."""
        with self._database.reading() as connection:
            key = _key(executor_id)
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:space, :key)"), key)
            if not taken.scalar_one():
                return True
            connection.execute(text("SELECT pg_advisory_unlock(:space, :key)"), key)
            return False

    def release(self) -> None:
        """Give this process's lock back."""
        if self._session is not None:
            # The session must end: a pool would keep the lock.
            session, self._session = self._session, None
            session.invalidate()
            session.close()


class ProgramLiveness:
    """For a program that started DBOS itself: its own recovery decides, nothing is taken over."""

    def hold(self, executor_id: str) -> None:
        """There is no lock."""

    def renew(self) -> None:
        """There is no lock."""

    def is_alive(self, executor_id: str) -> bool:
        """Say that it is: its work is not ours to take over."""
        del executor_id
        return True

    def release(self) -> None:
        """There is no lock."""


def _key(executor_id: str) -> dict[str, Any]:
    return {"space": _LOCK_SPACE, "key": zlib.crc32(executor_id.encode()) & 0x7FFFFFFF}


def liveness_of(database: Database, folder: Path | None) -> Liveness:
    """Return the locks of a database; an SQLite file's are in a folder beside it."""
    return PostgresLiveness(database) if folder is None else FileLiveness(folder)
