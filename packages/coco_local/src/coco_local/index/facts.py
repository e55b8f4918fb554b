"""What ranking and filters know of each row, kept in columns and handed out one row at a time.

A hundred thousand `ChunkMetadata` are a million small objects to build at every start; a query
looks at some hundred of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coco_core.types import ChunkKind, ChunkMetadata
from coco_local.index.codes import RowCodes

__all__ = ["FactColumns", "FactTable"]


# Rows whose facts are kept as they were handed out: the same chunks are candidates again and again.
# About three megabytes; the older half goes when they are full.
_MOST_MADE = 8_192


@dataclass(frozen=True, slots=True)
class FactColumns:
    """Every column of n rows, as `FactTable` gives and takes them."""

    keys: NDArray[np.int64]
    """int64[n]"""
    places: NDArray[np.int32]
    """int32[4, n]: the document's number, first line, last line, tokens"""
    kinds: NDArray[np.uint16]
    """uint16[n]: places in ``kind_names``"""
    languages: NDArray[np.uint16]
    """uint16[n]: places in ``language_names``"""
    kind_names: Sequence[str]
    language_names: Sequence[str]
    symbols: list[str]
    definitions: list[Sequence[str]]


class FactTable:
    """The facts of rows, appended in order; ``table[row]`` is a `ChunkMetadata`."""

    def __init__(self, document_ids: list[str]) -> None:
        """``document_ids`` is the owner's list of names, by a document's number; it may grow."""
        self.kinds = RowCodes()
        self.languages = RowCodes()
        self._document_ids = document_ids
        self._keys = array("q")
        self._documents, self._starts, self._ends, self._tokens = (array("i") for _ in range(4))
        self._symbols: list[str] = []
        self._definitions: list[Sequence[str]] = []
        self._made: dict[int, ChunkMetadata] = {}

    @classmethod
    def of(cls, columns: FactColumns, document_ids: list[str]) -> FactTable:
        """Return the table that gave the columns."""
        table = cls(document_ids)
        table.kinds = RowCodes.of([ChunkKind(name) for name in columns.kind_names], columns.kinds)
        table.languages = RowCodes.of(columns.language_names, columns.languages)
        table._keys.frombytes(columns.keys.tobytes())
        parts = (table._documents, table._starts, table._ends, table._tokens)
        for part, column in zip(parts, columns.places, strict=True):
            part.frombytes(column.tobytes())
        table._symbols = columns.symbols
        table._definitions = columns.definitions
        return table

    def columns(self) -> FactColumns:
        """Return a copy of every column."""
        parts = (self._documents, self._starts, self._ends, self._tokens)
        return FactColumns(
            keys=np.array(self._keys, np.int64),
            places=np.array([np.array(part, np.int32) for part in parts], np.int32),
            kinds=self.kinds.codes(),
            languages=self.languages.codes(),
            kind_names=[str(name) for name in self.kinds.names],
            language_names=list(self.languages.names),
            symbols=list(self._symbols),
            definitions=list(self._definitions),
        )

    def extend(self, number: int, facts: Sequence[ChunkMetadata]) -> None:
        """Append the facts of the document with this number."""
        self.kinds.append([fact.kind for fact in facts])
        self.languages.append([fact.language for fact in facts])
        self._documents.extend([number] * len(facts))
        self._starts.extend([fact.start_line for fact in facts])
        self._ends.extend([fact.end_line for fact in facts])
        self._tokens.extend([fact.token_count for fact in facts])
        self._symbols += [fact.symbol for fact in facts]
        self._definitions += [fact.definitions for fact in facts]
        # Last: it is what tells the length.
        self._keys.extend([fact.key for fact in facts])

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, row: int) -> ChunkMetadata:
        made = self._made.get(row)
        if made is None:
            if len(self._made) >= _MOST_MADE:
                for old in list(self._made)[: _MOST_MADE // 2]:
                    # Another query may be making room too.
                    self._made.pop(old, None)
            made = self._made[row] = self._make(row)
        return made

    def of_rows(self, rows: Sequence[int]) -> list[ChunkMetadata]:
        """Return the facts of several rows."""
        made = self._made
        return [made.get(row) or self[row] for row in rows]

    def _make(self, row: int) -> ChunkMetadata:
        kind = self.kinds[row]
        return ChunkMetadata(
            key=self._keys[row],
            doc_id=self._document_ids[self._documents[row]],
            kind=kind if isinstance(kind, ChunkKind) else ChunkKind(kind),
            language=self.languages[row],
            symbol=self._symbols[row],
            definitions=tuple(self._definitions[row]),
            start_line=self._starts[row],
            end_line=self._ends[row],
            token_count=self._tokens[row],
        )

    def key(self, row: int) -> int:
        """Return the chunk's key."""
        return self._keys[row]

    def keys(self) -> list[int]:
        """Return every row's key."""
        return self._keys.tolist()

    def definitions(self, row: int) -> Sequence[str]:
        """Return the dotted paths that the chunk defines."""
        return self._definitions[row]
