"""Local copy of a server project's content, because an import replaces all of it.

One SQLite file for each project. It counts its changes, so that the connector knows whether the
server has the last of them.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from coco_flow.errors import FlowError
from coco_flow.write_ahead import use_write_ahead_log

__all__ = ["ContentItem", "ContentStore", "StoredRow"]

_SCHEMA = """
CREATE TABLE row (
    key TEXT PRIMARY KEY, doc_id TEXT NOT NULL, place TEXT NOT NULL,
    item TEXT NOT NULL, vector BLOB
) WITHOUT ROWID;
CREATE INDEX row_by_document ON row (doc_id);
CREATE TABLE counter (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('changed', '0'), ('published', '0'), ('attempt', '0');
"""

# Long enough for another process's batch.
_BUSY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as the server will get it.

    Attributes:
        key: All parts of the key, as JSON.
        doc_id: The document that it is, or is a chunk of.
        place: What identifies and orders the document's chunks; None for a whole document.
        item: The item's fields but its id, ordinal and vector.
        vector: Its vector as 32-bit floats, if the flow computed one.
    """

    key: str
    doc_id: str
    place: Sequence[Any] | None
    item: Mapping[str, Any]
    vector: bytes | None


class ContentItem(NamedTuple):
    """An item of an import: `item` is the JSON object of all but the other three."""

    doc_id: str
    ordinal: int | None
    item: str
    vector: bytes | None


class ContentStore:
    """The rows of one project; thread-safe, and usable by several processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            raise FlowError(
                f"The file {str(path)!r}, which keeps what the project holds, is gone.",
                hint="Run coco-flow drop and coco-flow setup, and update again: every row is "
                "written again.",
            )
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        use_write_ahead_log(self._connection, _BUSY_SECONDS)
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> None:
        """Make an empty store, unless there is one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return
        # Made under another name, so that a crash leaves no half of one.
        made = path.with_name(f"{path.name}.new")
        made.unlink(missing_ok=True)
        connection = sqlite3.connect(made)
        try:
            connection.executescript(_SCHEMA)
            connection.execute("INSERT INTO counter VALUES ('id', ?)", (uuid.uuid4().hex,))
            connection.commit()
        finally:
            connection.close()
        made.replace(path)

    @staticmethod
    def remove(path: Path) -> None:
        """Remove the store."""
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def write(self, upserts: Iterable[StoredRow], deletes: Iterable[str]) -> None:
        """Apply rows; those that are as they were change nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                changed = sum(self._upsert(row) for row in upserts)
                for key in deletes:
                    cursor = self._connection.execute("DELETE FROM row WHERE key = ?", (key,))
                    changed += cursor.rowcount
                if changed:
                    self._set("changed", str(int(self._get("changed")) + 1))
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @property
    def changed(self) -> int:
        """How many batches have changed something."""
        with self._lock:
            return int(self._get("changed"))

    @property
    def store_id(self) -> str:
        """An id that distinguishes this store from one made later for the same project."""
        with self._lock:
            return self._get("id")

    @property
    def attempt(self) -> int:
        """How many imports of this project have failed."""
        with self._lock:
            return int(self._get("attempt"))

    @property
    def is_published(self) -> bool:
        """Whether the server has what is here, or there never was anything."""
        with self._lock:
            return self._get("changed") == self._get("published")

    def mark_published(self, changed: int) -> None:
        """Record that the server has the content as of the change with this number."""
        with self._lock:
            self._set("published", str(changed))

    def mark_failed(self) -> None:
        """Record that an import failed: a repetition is another one."""
        with self._lock:
            self._set("attempt", str(int(self._get("attempt")) + 1))

    def mark_changed(self) -> None:
        """Have the content published again, though no row changed."""
        with self._lock:
            self._set("changed", str(int(self._get("changed")) + 1))

    @contextmanager
    def snapshot(self) -> Iterator[tuple[int, Iterator[ContentItem]]]:
        """Give the number of the last change, and all items as of then, by document.

        Chunks of a document are numbered in the order of their places.
        """
        with self._lock:
            # One snapshot, while other processes may write.
            self._connection.execute("BEGIN")
            try:
                yield int(self._get("changed")), self._items()
            finally:
                self._connection.execute("ROLLBACK")

    @property
    def has_vectors(self) -> bool:
        """Whether any row has a vector."""
        with self._lock:
            found = self._connection.execute(
                "SELECT EXISTS (SELECT 1 FROM row WHERE vector IS NOT NULL)"
            )
            return bool(found.fetchone()[0])

    def _items(self) -> Iterator[ContentItem]:
        rows = self._connection.execute(
            "SELECT doc_id, place, item, vector FROM row ORDER BY doc_id"
        )
        for doc_id, group in groupby(rows, key=lambda row: row[0]):
            chunks = sorted(group, key=lambda row: _sortable(json.loads(row[1])))
            for ordinal, (_, place, item, vector) in enumerate(chunks):
                yield ContentItem(doc_id, None if place == "null" else ordinal, item, vector)

    def _upsert(self, row: StoredRow) -> int:
        place = json.dumps(row.place)
        item = _json(row.item)
        values = (row.doc_id, place, item, row.vector)
        known = self._connection.execute(
            "SELECT doc_id, place, item, vector FROM row WHERE key = ?", (row.key,)
        ).fetchone()
        if known == values:
            return 0
        self._connection.execute(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)", (row.key, *values)
        )
        return 1

    def _get(self, name: str) -> str:
        found: str = self._connection.execute(
            "SELECT value FROM counter WHERE name = ?", (name,)
        ).fetchone()[0]
        return found

    def _set(self, name: str, value: str) -> None:
        self._connection.execute("UPDATE counter SET value = ? WHERE name = ?", (value, name))


def _json(item: Mapping[str, Any]) -> str:
    text = json.dumps(item, ensure_ascii=False, sort_keys=True)
    # Half of a surrogate pair is no Unicode, but can be written as an escape.
    return text if text.isascii() or _is_unicode(text) else json.dumps(item, sort_keys=True)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sortable(place: Any) -> Any:
    """Return a place that can be compared with others, whose parts may have other types."""
    if isinstance(place, list):
        return (2, [_sortable(each) for each in place])
    if isinstance(place, str):
        return (1, place)
    return (0, place or 0)
