"""The state of apps in one SQLite file: what each component declared, its memo and its children.

All writing is done from the loop of the environment. Statements that run in one turn of the loop
share a transaction, which is committed when the turn ends; `Store.committed` waits for that.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from coco_flow.errors import StateBroken
from coco_flow.state.sqlite import open_sqlite

__all__ = ["AppStore", "ComponentRow", "Reader", "Store", "read_only"]

FILE_NAME = "components.sqlite"
SCHEMA_VERSION = 1
# Another process may hold the write lock for the time of a large commit.
BUSY_SECONDS = 30.0

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE app (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
-- One row per component: its declared target states (items) and the memo of its last run.
CREATE TABLE component (
    app INTEGER NOT NULL, path BLOB NOT NULL, processor TEXT NOT NULL,
    items BLOB NOT NULL, memo_key BLOB, memo BLOB,
    PRIMARY KEY (app, path)) STRICT, WITHOUT ROWID;
-- Children that a component mounted, and folders on the way to them (is_component = 0).
CREATE TABLE child (
    app INTEGER NOT NULL, parent BLOB NOT NULL, key BLOB NOT NULL, is_component INTEGER NOT NULL,
    PRIMARY KEY (app, parent, key)) STRICT, WITHOUT ROWID;
-- Children that are gone but whose target states are not yet removed.
CREATE TABLE tombstone (
    app INTEGER NOT NULL, parent BLOB NOT NULL, relative BLOB NOT NULL,
    PRIMARY KEY (app, parent, relative)) STRICT, WITHOUT ROWID;
CREATE TABLE function_memo (
    app INTEGER NOT NULL, path BLOB NOT NULL, key BLOB NOT NULL, entry BLOB NOT NULL,
    PRIMARY KEY (app, path, key)) STRICT, WITHOUT ROWID;
-- States of use_state (live = 0) and of live components (live = 1).
CREATE TABLE user_state (
    app INTEGER NOT NULL, path BLOB NOT NULL, live INTEGER NOT NULL, key BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (app, path, live, key)) STRICT, WITHOUT ROWID;
-- Which component answers for a target state.
CREATE TABLE owner (
    app INTEGER NOT NULL, target BLOB NOT NULL, path BLOB NOT NULL,
    PRIMARY KEY (app, target)) STRICT, WITHOUT ROWID;
-- Which components declared a target state that another one owns, and the record that they gave it.
CREATE TABLE claim (
    app INTEGER NOT NULL, target BLOB NOT NULL, path BLOB NOT NULL, record BLOB,
    PRIMARY KEY (app, target, path)) STRICT, WITHOUT ROWID;
CREATE INDEX claim_path ON claim (app, path);
-- Names of target path segments that no component declared: root targets and attachments.
CREATE TABLE segment (
    app INTEGER NOT NULL, digest BLOB NOT NULL, key BLOB NOT NULL,
    PRIMARY KEY (app, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE sequence (
    app INTEGER NOT NULL, key BLOB NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (app, key)) STRICT, WITHOUT ROWID;
"""
APP_TABLES = (
    "component", "child", "tombstone", "function_memo", "user_state", "owner", "claim", "segment",
    "sequence",
)  # fmt: skip

READ_COMPONENT = (
    "SELECT processor, items, memo_key, memo FROM component WHERE app = ?1 AND path = ?2"
)
WRITE_COMPONENT = (
    "INSERT INTO component (app, path, processor, items, memo_key, memo)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    " ON CONFLICT (app, path) DO UPDATE SET processor = excluded.processor,"
    " items = excluded.items, memo_key = excluded.memo_key, memo = excluded.memo"
)
WRITE_ITEMS = "UPDATE component SET items = ?3 WHERE app = ?1 AND path = ?2"
WRITE_MEMO = "UPDATE component SET memo = ?3 WHERE app = ?1 AND path = ?2"
DROP_MEMO = "UPDATE component SET memo_key = NULL, memo = NULL WHERE app = ?1 AND path = ?2"
DROP_COMPONENT = "DELETE FROM component WHERE app = ?1 AND path = ?2"

READ_CHILDREN = "SELECT key, is_component FROM child WHERE app = ?1 AND parent = ?2 ORDER BY key"
READ_CHILD = "SELECT is_component FROM child WHERE app = ?1 AND parent = ?2 AND key = ?3"
WRITE_CHILD = (
    "INSERT INTO child (app, parent, key, is_component) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (app, parent, key) DO UPDATE SET is_component = excluded.is_component"
)
# A component stays one, whatever is mounted below it.
LIST_CHILD = (
    "INSERT INTO child (app, parent, key, is_component) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (app, parent, key) DO UPDATE SET is_component = 1"
    " WHERE excluded.is_component > is_component"
)
DROP_CHILD = "DELETE FROM child WHERE app = ?1 AND parent = ?2 AND key = ?3"

READ_TOMBSTONES = "SELECT relative FROM tombstone WHERE app = ?1 AND parent = ?2"
WRITE_TOMBSTONE = "INSERT OR IGNORE INTO tombstone (app, parent, relative) VALUES (?1, ?2, ?3)"
DROP_TOMBSTONE = "DELETE FROM tombstone WHERE app = ?1 AND parent = ?2 AND relative = ?3"

READ_FUNCTION_MEMOS = "SELECT key, entry FROM function_memo WHERE app = ?1 AND path = ?2"
WRITE_FUNCTION_MEMO = (
    "INSERT OR REPLACE INTO function_memo (app, path, key, entry) VALUES (?1, ?2, ?3, ?4)"
)
DROP_FUNCTION_MEMO = "DELETE FROM function_memo WHERE app = ?1 AND path = ?2 AND key = ?3"
DROP_FUNCTION_MEMOS = "DELETE FROM function_memo WHERE app = ?1 AND path = ?2"

READ_STATES = "SELECT key, value FROM user_state WHERE app = ?1 AND path = ?2 AND live = 0"
READ_STATE = "SELECT value FROM user_state WHERE app = ?1 AND path = ?2 AND live = ?3 AND key = ?4"
WRITE_STATE = (
    "INSERT OR REPLACE INTO user_state (app, path, live, key, value) VALUES (?1, ?2, ?3, ?4, ?5)"
)
DROP_STATE = "DELETE FROM user_state WHERE app = ?1 AND path = ?2 AND live = 0 AND key = ?3"
DROP_STATES = "DELETE FROM user_state WHERE app = ?1 AND path = ?2 AND live = ?3"

READ_OWNER = "SELECT path FROM owner WHERE app = ?1 AND target = ?2"
WRITE_OWNER = "INSERT OR REPLACE INTO owner (app, target, path) VALUES (?1, ?2, ?3)"
# A component that took the target state over in the meantime stays its owner.
DROP_OWNER = "DELETE FROM owner WHERE app = ?1 AND target = ?2 AND path = ?3"

READ_ANY_CLAIM = "SELECT 1 FROM claim WHERE app = ?1 LIMIT 1"
READ_CLAIM = (
    "SELECT path, record FROM claim WHERE app = ?1 AND target = ?2 AND path <> ?3 ORDER BY path"
)
READ_CLAIMS_OF = "SELECT target FROM claim WHERE app = ?1 AND path = ?2"
WRITE_CLAIM = "INSERT OR REPLACE INTO claim (app, target, path, record) VALUES (?1, ?2, ?3, ?4)"
DROP_CLAIM = "DELETE FROM claim WHERE app = ?1 AND target = ?2 AND path = ?3"

WRITE_SEGMENT = "INSERT OR IGNORE INTO segment (app, digest, key) VALUES (?1, ?2, ?3)"

READ_SEQUENCE = "SELECT next FROM sequence WHERE app = ?1 AND key = ?2"
WRITE_SEQUENCE = "INSERT OR REPLACE INTO sequence (app, key, next) VALUES (?1, ?2, ?3)"


class ComponentRow(NamedTuple):
    """What the last run of a component left behind."""

    processor: str
    items: bytes
    memo_key: bytes | None
    memo: bytes | None


def _create(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables, or check that they are of this version."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone()
        if found is None:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO meta VALUES ('schema', ?1)", (SCHEMA_VERSION,))
        row = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        if row is None or row[0] != SCHEMA_VERSION:
            raise StateBroken(
                f"The state file {str(path)!r} has the schema version {row and row[0]!r}; this "
                f"version of coco_flow reads {SCHEMA_VERSION}.",
                hint="Use the version that wrote it, or give another db_path and update again.",
            )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class Store:
    """The open state file of one environment."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.path = folder / FILE_NAME
        self.closed = False
        self._loop = loop
        self._reading = False
        self._writing = False
        self._waiting: asyncio.Future[None] | None = None
        try:
            self._connection = open_sqlite(self.path)
            _create(self._connection, self.path)
        except sqlite3.Error as error:
            raise StateBroken(
                f"The state file {str(self.path)!r} cannot be opened: {error}",
                hint="Check that the folder of Settings.db_path can be written.",
            ) from error

    def read(self, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
        """Return the rows of a query, writes of this turn included."""
        if not self._reading:
            self._begin_reading()
        return self._connection.execute(statement, parameters).fetchall()

    def read_one(self, statement: str, parameters: tuple[Any, ...]) -> Any | None:
        """Return the first row of a query, or None."""
        if not self._reading:
            self._begin_reading()
        return self._connection.execute(statement, parameters).fetchone()

    def write(self, statement: str, parameters: tuple[Any, ...]) -> None:
        """Run a statement in the transaction of this turn."""
        if not self._writing:
            self._begin_writing()
        self._connection.execute(statement, parameters)

    def committed(self) -> asyncio.Future[None]:
        """Return a future that is done when all that was written up to now is committed."""
        if self._waiting is None:
            self._waiting = self._loop.create_future()
            if not self._writing:
                self._waiting.set_result(None)
                done, self._waiting = self._waiting, None
                return done
        return self._waiting

    def _begin_reading(self) -> None:
        # One read transaction for all queries of a turn: starting one costs more than a query.
        if self.closed:
            raise StateBroken(
                f"The state file {str(self.path)!r} is closed, because its environment is.",
                hint="Make a new Environment.",
            )
        self._connection.execute("BEGIN")
        self._reading = True
        self._loop.call_soon(self._end)

    def _begin_writing(self) -> None:
        if not self._reading:
            self._begin_reading()
        # Ended and begun again: a read transaction could not write if another process has written.
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN IMMEDIATE")
        self._writing = True

    def _end(self) -> None:
        if not self._reading:
            return
        self._reading = self._writing = False
        waiting, self._waiting = self._waiting, None
        try:
            # There is none if it could not be begun, such as when another process writes on.
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if waiting is None:
                raise
            broken = StateBroken(f"The state file {str(self.path)!r} cannot be written: {error}")
            broken.__cause__ = error
            waiting.set_exception(broken)
        else:
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def close(self) -> None:
        """Commit what is pending and close the file; a second call does nothing."""
        if not self.closed:
            self._end()
            self.closed = True
            self._connection.close()


class AppStore:
    """The part of the state file that belongs to one app."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.id = self._find_or_create()

    def _find_or_create(self) -> int:
        self.store.write("INSERT OR IGNORE INTO app (name) VALUES (?1)", (self.name,))
        row = self.store.read_one("SELECT id FROM app WHERE name = ?1", (self.name,))
        assert row is not None
        return int(row[0])

    def component(self, path: bytes) -> ComponentRow | None:
        """Return what the last run of a component left behind."""
        row = self.store.read_one(READ_COMPONENT, (self.id, path))
        return None if row is None else ComponentRow._make(row)

    def write(self, statement: str, *parameters: Any) -> None:
        """Run a statement on this app's rows."""
        self.store.write(statement, (self.id, *parameters))

    def read(self, statement: str, *parameters: Any) -> list[Any]:
        """Return the rows of a query on this app's rows."""
        return self.store.read(statement, (self.id, *parameters))

    def read_one(self, statement: str, *parameters: Any) -> Any | None:
        """Return the first row of a query on this app's rows, or None."""
        return self.store.read_one(statement, (self.id, *parameters))

    def reserve(self, key: bytes, count: int) -> int:
        """Take numbers from a sequence that starts at 1 and return the first of them."""
        row = self.read_one(READ_SEQUENCE, key)
        first = 1 if row is None else int(row[0])
        self.write(WRITE_SEQUENCE, key, first + count)
        return first

    def clear(self) -> None:
        """Delete everything about the app, its name included."""
        for table in APP_TABLES:
            self.store.write(f"DELETE FROM {table} WHERE app = ?1", (self.id,))  # noqa: S608
        self.store.write("DELETE FROM app WHERE id = ?1", (self.id,))

    def revive(self) -> None:
        """Take the name again after `clear`."""
        self.id = self._find_or_create()


class Reader:
    """A consistent, read-only view of one app's state for any thread."""

    def __init__(self, connection: sqlite3.Connection, app: int) -> None:
        self.connection = connection
        self.app = app

    def rows(self, statement: str, *parameters: Any) -> Iterator[Any]:
        """Iterate over the rows of a query whose first parameter is the app."""
        yield from self.connection.execute(statement, (self.app, *parameters))

    def row(self, statement: str, *parameters: Any) -> Any | None:
        """Return the first row of such a query, or None."""
        return self.connection.execute(statement, (self.app, *parameters)).fetchone()


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a state file for reading and hold one snapshot of it."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS,
        isolation_level=None, check_same_thread=False,
    )  # fmt: skip
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()
