"""Metadata of rows, kept in columns and handed out one row at a time, for ranking and filters.

A hundred thousand `ChunkMetadata` are a million small objects to build at every start; a query
looks at some hundred of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coco_core.types import ChunkKind, ChunkMetadata
from coco_local.index.checkpoint import Checkpoint
from coco_local.index.dictionary_column import DictionaryColumn

__all__ = ["MetadataTable"]


# Rows whose metadata is kept as it was handed out: the same chunks are candidates again and again.
# About three megabytes; the older half goes when they are full.
_MOST_MADE = 8_192


class MetadataTable:
    """The metadata of rows, appended in order; ``table[row]`` is a `ChunkMetadata`."""

    def __init__(self, document_ids: list[str]) -> None:
        """``document_ids`` is the owner's list of names, by a document's number; it may grow."""
        self.kinds = DictionaryColumn()
        self.languages = DictionaryColumn()
        self._document_ids = document_ids
        self._keys = array("q")
        self._documents, self._starts, self._ends, self._tokens = (array("i") for _ in range(4))
        self._symbols: list[str] = []
        self._definitions: list[Sequence[str]] = []
        self._made: dict[int, ChunkMetadata] = {}

    def checkpoint(self) -> Checkpoint:
        """Return a copy of every column; ``places`` are document, first and last line, tokens."""
        parts = (self._documents, self._starts, self._ends, self._tokens)
        arrays: dict[str, NDArray[Any]] = {
            "keys": np.array(self._keys, np.int64),
            "places": np.array([np.array(part, np.int32) for part in parts], np.int32),
            "kinds": self.kinds.codes(),
            "languages": self.languages.codes(),
        }
        texts = {
            "kind_names": [str(name) for name in self.kinds.names],
            "language_names": list(self.languages.names),
            "symbols": list(self._symbols),
            "definitions": list(self._definitions),
        }
        return Checkpoint(arrays, texts)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Fill an empty table with the columns of a checkpoint."""
        arrays, texts = checkpoint.arrays, checkpoint.texts
        kinds = [ChunkKind(name) for name in texts["kind_names"]]
        self.kinds = DictionaryColumn.of(kinds, arrays["kinds"])
        self.languages = DictionaryColumn.of(texts["language_names"], arrays["languages"])
        self._keys.frombytes(arrays["keys"].tobytes())
        parts = (self._documents, self._starts, self._ends, self._tokens)
        for part, column in zip(parts, arrays["places"], strict=True):
            part.frombytes(column.tobytes())
        self._symbols = texts["symbols"]
        self._definitions = texts["definitions"]

    def extend(self, number: int, chunks: Sequence[ChunkMetadata]) -> None:
        """Append the chunks of the document with this number."""
        self.kinds.append([chunk.kind for chunk in chunks])
        self.languages.append([chunk.language for chunk in chunks])
        self._documents.extend([number] * len(chunks))
        self._starts.extend([chunk.start_line for chunk in chunks])
        self._ends.extend([chunk.end_line for chunk in chunks])
        self._tokens.extend([chunk.token_count for chunk in chunks])
        self._symbols += [chunk.symbol for chunk in chunks]
        self._definitions += [chunk.definitions for chunk in chunks]
        # Last: it is what tells the length.
        self._keys.extend([chunk.key for chunk in chunks])

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
        """Return the metadata of several rows."""
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

    def symbol(self, row: int) -> str:
        """Return the path of the chunk's main definition."""
        return self._symbols[row]

    def definitions(self, row: int) -> Sequence[str]:
        """Return the dotted paths that the chunk defines."""
        return self._definitions[row]
