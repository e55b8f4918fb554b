"""Failures of a store (disk full, damage, rights) as errors that a user can act upon."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from coco_core.errors import StoreBroken

__all__ = ["is_damage", "store_failure"]

# The low byte of SQLite's extended error codes is the primary one.
_PRIMARY = 0xFF

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

# LanceDB raises plain exceptions: only the system's own words tell them apart.
_FULL_WORDS = ("no space left", "disk is full", "quota exceeded", "os error 28")


def is_damage(error: DBAPIError) -> bool:
    """Tell whether the file itself is spoilt, rather than the disk full or not to be written."""
    code = _sqlite_code(error)
    return code in {None, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def store_failure(error: Exception, place: Path) -> StoreBroken | None:
    """Return the error to show the user for ``error``; None when it is not about a store."""
    where = str(place)
    if _is_full(error):
        return StoreBroken(
            f"The disk of {where!r} is full.",
            hint="Free some space there; CoCo goes on by itself within seconds.",
            details={"path": where},
        )
    if isinstance(error, DBAPIError):
        return StoreBroken(
            f"The database {where!r} failed: {error.orig}.",
            hint="If this persists, restart CoCo, which rebuilds a damaged index: coco restart",
            details={"path": where},
        )
    if isinstance(error, OSError):
        return StoreBroken(
            f"{where!r} cannot be written: {error.strerror or error}.",
            hint="Make it a directory that you can write, or set COCO_HOME to another one.",
            details={"path": where},
        )
    return None


def _is_full(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        return _sqlite_code(error) == sqlite3.SQLITE_FULL
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    text = str(error).lower()
    return any(words in text for words in _FULL_WORDS)


def _sqlite_code(error: DBAPIError) -> int | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code & _PRIMARY if isinstance(code, int) else None
