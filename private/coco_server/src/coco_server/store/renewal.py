"""Renewal of connections that have read many versions.

PostgreSQL keeps the catalog entries of every table that a connection has used as long as the
connection lives: some 60 kB for each segment of a version, which after 5,000 projects is hundreds
of megabytes. So a connection that has read many is closed when it returns to the pool.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

__all__ = ["is_due", "note_read"]

# About 40 MB. To make up for a closed connection takes 50 ms, and its first query of a version
# some 10 ms more than the next: next to nothing over so many.
_MOST_SEGMENTS = 500

_read: WeakKeyDictionary[psycopg.Connection[Any], set[int]] = WeakKeyDictionary()

# A connection serves one thread at a time, but the dictionary serves all.
_lock = threading.Lock()


def note_read(connection: psycopg.Connection[Any], segments: Iterable[int]) -> None:
    """Note that a connection reads the tables of these segments."""
    with _lock:
        known = _read.setdefault(connection, set())
    known.update(segments)


def is_due(connection: psycopg.Connection[Any]) -> bool:
    """Whether a connection has read so many segments that a new one should replace it."""
    with _lock:
        known = _read.get(connection)
    return known is not None and len(known) > _MOST_SEGMENTS
