"""Weighed definitions of a project: what its map is chosen from; follows the index."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from coco_core.code.project_map import MapFile, MappedSymbol, ranked_symbols, weight_of
from coco_core.languages import is_code
from coco_core.ranking.penalties import file_traits
from coco_core.tokens import term_ids
from coco_local.index.memory import DocumentEntry, MemoryIndex

__all__ = ["MapIndex", "is_apart"]

_APART = frozenset({"test", "example", "generated", "vendored", "template"})


@dataclass(frozen=True, slots=True)
class _Defined:
    """The definitions of one document."""

    entry: DocumentEntry
    symbols: tuple[str, ...]
    rows: tuple[int, ...]
    kinds: tuple[str, ...]
    terms: tuple[int, ...]


class MapIndex:
    """The definitions of one index with their weights; thread-safe.

    What a document defines is read once for each state of it, the weights once for each state of
    the index.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: dict[str, _Defined] = {}
        self._state: tuple[int, ...] = ()
        self._files: list[MapFile] = []
        self._ranked: list[tuple[MappedSymbol, str]] = []

    def files(
        self, memory: MemoryIndex, allowed: Callable[[str], bool]
    ) -> tuple[list[MapFile], list[tuple[MappedSymbol, str]]]:
        """Return the files that are allowed, and the definitions of all files by weight."""
        with self._lock:
            state = (id(memory), len(memory.metadata), memory.chunk_count, len(memory.documents))
            if state != self._state:
                self._files = self._weighed(memory)
                self._ranked = ranked_symbols(self._files)
                self._state = state
            files, ranked = self._files, self._ranked
        return [file for file in files if allowed(file.path)], ranked

    def _weighed(self, memory: MemoryIndex) -> list[MapFile]:
        entries = dict(memory.documents)
        before = self._documents
        self._documents = {
            doc_id: known
            if (known := before.get(doc_id)) is not None and known.entry is entry
            else _defined(memory, entry)
            for doc_id, entry in entries.items()
        }
        terms = np.array(
            [term for each in self._documents.values() for term in each.terms], np.uint64
        )
        references = iter(memory.postings.counts(terms).tolist())
        names = Counter(
            symbol.rpartition(".")[2]
            for each in self._documents.values()
            for symbol in each.symbols
        )
        weighed: dict[str, list[MappedSymbol]] = {}
        for doc_id, each in self._documents.items():
            apart = is_apart(doc_id)
            weighed[doc_id] = [
                MappedSymbol(
                    symbol,
                    weight_of(
                        symbol,
                        kind,
                        next(references),
                        names[symbol.rpartition(".")[2]],
                        apart=apart,
                    ),
                    row,
                )
                for symbol, row, kind in zip(each.symbols, each.rows, each.kinds, strict=True)
            ]
        return [MapFile(doc_id, weighed[doc_id]) for doc_id in sorted(weighed)]


def is_apart(path: str) -> bool:
    """Whether a file is a test, an example, generated or foreign."""
    return not _APART.isdisjoint(file_traits(path, ""))


def _defined(memory: MemoryIndex, entry: DocumentEntry) -> _Defined:
    symbols: dict[str, tuple[int, str]] = {}
    if is_code(entry.document.language):
        for row in entry.rows:
            chunk = memory.metadata[row]
            for symbol in chunk.definitions:
                symbols.setdefault(symbol, (row, _kind(symbol, chunk.symbol, chunk.kind.value)))
    return _Defined(
        entry,
        tuple(symbols),
        tuple(row for row, _ in symbols.values()),
        tuple(kind for _, kind in symbols.values()),
        tuple((term_ids(symbol.rpartition(".")[2]) or (0,))[0] for symbol in symbols),
    )


def _kind(symbol: str, main: str, kind: str) -> str:
    """Return what a definition is: that of the chunk's main one is known, the others' is guessed.

    Constants are upper case in most languages, types begin so in nearly all.
    """
    if symbol == main:
        return kind
    name = symbol.rpartition(".")[2]
    if name.isupper():
        return "code_block"
    if name[:1].isupper():
        return "class"
    return "method" if "." in symbol else "function"
