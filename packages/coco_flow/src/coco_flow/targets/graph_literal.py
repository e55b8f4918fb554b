"""Values as Cypher literals, for databases whose protocol has no parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["literal", "rows_literal", "typed_rows_literal"]


def literal(value: Any) -> str:
    """Return the literal of a string, number, boolean, None, or a list or map of these.

    The names of a map's members are plain identifiers.
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{literal(each)}" for name, each in value.items()) + "}"
    assert isinstance(value, int | float), value
    # Not every parser takes the plus of 1e+22.
    return repr(value).replace("e+", "e")


def rows_literal(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the literal of a statement's rows, whose aliases are plain identifiers."""
    return literal(list(rows))


def typed_rows_literal(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> str:
    """Return the literal of rows whose values are text, or lists of text, by their types.

    A literal list must have elements of one type, which an empty list does not show.
    """

    def member(alias: str, value: Any) -> str:
        text, type_name = literal(value), types[alias]
        return (
            f"{alias}:{text}" if type_name == "STRING" else f"{alias}:CAST({text} AS {type_name})"
        )

    maps = ("{" + ",".join(member(*each) for each in row.items()) + "}" for row in rows)
    return f"[{','.join(maps)}]"
