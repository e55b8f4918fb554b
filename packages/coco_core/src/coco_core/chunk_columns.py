"""A chunk as a row: its fields by name, as the plain values that stores have columns for.

A field that is added to `Chunk` appears here by itself; each store decides how it keeps a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from coco_core.types import Chunk, ChunkKind, Definition, Span

__all__ = ["CHUNK_COLUMNS", "LIST_COLUMNS", "from_columns", "kind_of", "to_columns"]

# Texts are kept elsewhere or not at all, and what a chunk imports only the chunker's caller sees.
_NO_COLUMNS = frozenset({"text", "imports", "span"})

_OWN = tuple(field.name for field in fields(Chunk) if field.name not in _NO_COLUMNS)
_SPAN = tuple(field.name for field in fields(Span))

CHUNK_COLUMNS = (*_OWN, *_SPAN)
"""The names of a chunk's columns; those of its span follow its own."""

LIST_COLUMNS = frozenset(field.name for field in fields(Chunk) if field.default == ()) - _NO_COLUMNS
"""Those that hold lists; all others hold texts or numbers."""


_KINDS: Mapping[str, ChunkKind] = {kind.value: kind for kind in ChunkKind}


def kind_of(value: str) -> ChunkKind:
    """Return a stored kind; what only a newer program knows is a text."""
    return _KINDS.get(value, ChunkKind.TEXT)


def to_columns(chunk: Chunk) -> dict[str, Any]:
    """Return the value of each column; a definition is the list of its fields."""
    row = {name: getattr(chunk, name) for name in _OWN}
    row["kind"] = chunk.kind.value
    for name in LIST_COLUMNS:
        row[name] = list(row[name])
    row["definitions"] = [
        [each.path, each.kind.value, each.line, each.end_line, each.title, each.signature]
        for each in chunk.definitions
    ]
    row.update((name, getattr(chunk.span, name)) for name in _SPAN)
    return row


def from_columns(row: Mapping[str, Any], text: str = "") -> Chunk:
    """Return the chunk of a row; columns of its span that a store has not are 0.

    Of a definition a store may keep the first fields only.
    """
    own = dict(row)
    span = Span(*[own.pop(name, 0) for name in _SPAN])
    for name in LIST_COLUMNS:
        own[name] = tuple(own[name])
    own["kind"] = kind_of(own["kind"])
    if own["definitions"]:
        own["definitions"] = tuple(
            [Definition(path, kind_of(kind), *rest) for path, kind, *rest in own["definitions"]]
        )
    return Chunk(text=text, span=span, **own)
