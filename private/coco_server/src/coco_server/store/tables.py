"""Table names of a version, as SQL identifiers."""

from __future__ import annotations

from functools import lru_cache
from typing import LiteralString

from psycopg import sql

__all__ = ["in_version", "of_version"]

_TABLES = ("source_chunks", "chunk_vectors", "postings", "chunk_names", "term_batches")

# Statements of some hundred versions that are asked again and again; half a kilobyte each.
_REMEMBERED = 4_096


def in_version(statement: LiteralString, version_no: int, **parts: sql.Composable) -> sql.Composed:
    """Fill ``{source_chunks}`` and the like with the names of one version's tables."""
    names = {name: sql.Identifier(f"{name}_{version_no:d}") for name in _TABLES}
    return sql.SQL(statement).format(**names, **parts)


@lru_cache(maxsize=_REMEMBERED)
def of_version(statement: LiteralString, version_no: int) -> bytes:
    """Return such a statement as it is sent, for those that every query needs."""
    return in_version(statement, version_no).as_bytes(None)
