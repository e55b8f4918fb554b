"""The names of a version's own tables, as parts of statements."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

__all__ = ["in_version"]

_TABLES = ("source_chunks", "chunk_vectors", "postings", "chunk_names", "term_batches")


def in_version(statement: LiteralString, version_no: int, **parts: sql.Composable) -> sql.Composed:
    """Fill ``{source_chunks}`` and the like with the names of one version's tables."""
    names = {name: sql.Identifier(f"{name}_{version_no:d}") for name in _TABLES}
    return sql.SQL(statement).format(**names, **parts)
