"""Table names of a version's segments, as SQL identifiers."""

from __future__ import annotations

from functools import lru_cache
from typing import LiteralString, TypeAlias

from psycopg import sql

__all__ = ["Parts", "by_key", "in_version", "keys_parameter", "keys_placeholder", "of_version"]

Parts: TypeAlias = int | tuple[int, ...]
"""The number of one segment, or those of all segments of a version, oldest first."""

_TABLES = ("source_chunks", "chunk_vectors", "postings", "chunk_names", "term_batches")

# Statements of some hundred versions that are asked again and again; half a kilobyte each.
_REMEMBERED = 4_096


def in_version(statement: LiteralString, parts: Parts, **more: sql.Composable) -> sql.Composed:
    """Fill ``{source_chunks}`` and the like with a version's tables, to be read as one.

    Only a statement that is given one number may write.
    """
    names = {name: _table(name, parts) for name in _TABLES}
    return sql.SQL(statement).format(**names, **more)


@lru_cache(maxsize=_REMEMBERED)
def of_version(statement: LiteralString, parts: Parts) -> bytes:
    """Return such a statement as it is sent, for those that every query needs."""
    return in_version(statement, parts).as_bytes(None)


def by_key(statement: LiteralString, parts: Parts, **more: sql.Composable) -> sql.Composed:
    """Repeat a statement for each segment, to look up only the keys that lie in it.

    Ask a table of all segments for a key, and each one is looked at: eight times as much reading.

    Args:
        statement: with ``{keys}`` for the array of keys, to which `Layout.shares` gives the values.
        parts: the segments.
        more: what else is filled in.
    """
    numbers = (parts,) if isinstance(parts, int) else parts
    each = [
        in_version(statement, number, keys=keys_placeholder(place), **more)
        for place, number in enumerate(numbers)
    ]
    return sql.SQL(" UNION ALL ").join(each)


def keys_parameter(place: int) -> str:
    """Return the name of the parameter with the keys of the segment at this place."""
    return f"keys_{place:d}"


def keys_placeholder(place: int) -> sql.Composed:
    """Return its placeholder; the keys come as text, see `Layout.shares`."""
    return sql.SQL("{}::int[]").format(sql.Placeholder(keys_parameter(place)))


def _table(name: str, parts: Parts) -> sql.Composable:
    numbers = (parts,) if isinstance(parts, int) else parts
    tables = [sql.Identifier(f"{name}_{number:d}") for number in numbers]
    if len(tables) == 1:
        return tables[0]
    # Conditions reach the tables below: the planner takes this apart, and looks up in each of them.
    every = sql.SQL(" UNION ALL ").join(sql.SQL("SELECT * FROM {}").format(each) for each in tables)
    return sql.SQL("({})").format(every)
