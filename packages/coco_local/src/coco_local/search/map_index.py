"""Weighed definitions of a project: what its map is chosen from; follows the index."""

from __future__ import annotations

import threading
from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from coco_core.code.project_map import (
    MapFile,
    MappedSymbol,
    rank_key,
    ranked_symbols,
    weight_of,
)
from coco_core.languages import is_code
from coco_core.ranking.penalties import file_traits
from coco_core.tokens import term_ids
from coco_local.index.memory import DocumentEntry, MemoryIndex

__all__ = ["MapIndex", "is_apart"]

# Above this share of changed documents the uses of all names are counted anew.
_FEW_SHARE = 0.02

# No name has this term.
_NO_TERM = 0

Ranked: TypeAlias = tuple[MappedSymbol, str]

_APART = frozenset({"test", "example", "generated", "vendored", "template"})


@dataclass(frozen=True, slots=True)
class _Defined:
    """The definitions of one document."""

    entry: DocumentEntry
    apart: bool
    symbols: tuple[str, ...]
    rows: tuple[int, ...]
    kinds: tuple[str, ...]
    terms: tuple[int, ...]


class MapIndex:
    """The definitions of one index with their weights; thread-safe.

    A few changed documents are weighed by what is known of the names of all others; after many,
    everything is weighed anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: tuple[int, ...] = ()
        self._documents: dict[str, _Defined] = {}
        self._files: dict[str, MapFile] = {}
        self._ranked: list[Ranked] = []
        self._names: Counter[str] = Counter()

    def files(
        self, memory: MemoryIndex, allowed: Callable[[str], bool]
    ) -> tuple[list[MapFile], list[Ranked]]:
        """Return the files that are allowed, and the definitions of all files by weight."""
        with self._lock:
            state = (id(memory), len(memory.metadata), memory.chunk_count, len(memory.documents))
            if state != self._state:
                self._update(memory)
                self._state = state
            files, ranked = self._files, self._ranked
        return [files[path] for path in sorted(files) if allowed(path)], ranked

    def _update(self, memory: MemoryIndex) -> None:
        entries = dict(memory.documents)
        before = self._documents
        changed = {
            doc_id: _defined(memory, doc_id, entry)
            for doc_id, entry in entries.items()
            if (known := before.get(doc_id)) is None or known.entry is not entry
        }
        gone = before.keys() - entries.keys()
        self._documents = {
            doc_id: changed[doc_id] if doc_id in changed else before[doc_id] for doc_id in entries
        }
        few = len(changed) + len(gone) <= _FEW_SHARE * len(before)
        if not few:
            self._names = Counter(
                _last(symbol) for each in self._documents.values() for symbol in each.symbols
            )
        weighed = self._weighed(memory, changed if few else self._documents)
        if not few:
            self._files = weighed
            self._ranked = ranked_symbols(weighed.values())
            return
        stale = changed.keys() | gone
        kept = {path: file for path, file in self._files.items() if path not in stale}
        self._files = kept | weighed
        ranked = [pair for pair in self._ranked if pair[1] not in stale]
        for pair in ranked_symbols(weighed.values()):
            insort(ranked, pair, key=rank_key)
        self._ranked = ranked

    def _weighed(
        self, memory: MemoryIndex, documents: Mapping[str, _Defined]
    ) -> dict[str, MapFile]:
        terms = np.array([term for each in documents.values() for term in each.terms], np.uint64)
        references = iter(memory.postings.counts(terms).tolist())
        files: dict[str, MapFile] = {}
        for doc_id, each in documents.items():
            symbols = [
                MappedSymbol(
                    symbol,
                    weight_of(
                        symbol,
                        kind,
                        next(references),
                        self._names[_last(symbol)],
                        apart=each.apart,
                    ),
                    row,
                )
                for symbol, row, kind in zip(each.symbols, each.rows, each.kinds, strict=True)
            ]
            files[doc_id] = MapFile(doc_id, symbols)
        return files


def is_apart(path: str) -> bool:
    """Whether a file is a test, an example, generated or foreign."""
    return not _APART.isdisjoint(file_traits(path, ""))


def _defined(memory: MemoryIndex, doc_id: str, entry: DocumentEntry) -> _Defined:
    symbols: dict[str, tuple[int, str]] = {}
    if is_code(entry.document.language):
        for row in entry.rows:
            # By columns: whole records of all chunks would take a second to make.
            main = memory.metadata.symbol(row)
            for symbol in memory.metadata.definitions(row):
                kind = str(memory.metadata.kinds[row]) if symbol == main else _kind(symbol)
                symbols.setdefault(symbol, (row, kind))
    apart = is_apart(doc_id)
    return _Defined(
        entry,
        apart,
        tuple(symbols),
        tuple(row for row, _ in symbols.values()),
        tuple(kind for _, kind in symbols.values()),
        tuple(_NO_TERM if apart else _term(symbol) for symbol in symbols),
    )


def _term(symbol: str) -> int:
    """Return the term of a name; private ones are weighed without counting their uses."""
    name = _last(symbol)
    return _NO_TERM if name.startswith("_") else (term_ids(name) or (_NO_TERM,))[0]


def _last(symbol: str) -> str:
    return symbol.rpartition(".")[2]


def _kind(symbol: str) -> str:
    """Return what a definition probably is that is not its chunk's main one.

    Constants are upper case in most languages, types begin so in nearly all.
    """
    name = symbol.rpartition(".")[2]
    if name.isupper():
        return "code_block"
    if name[:1].isupper():
        return "class"
    return "method" if "." in symbol else "function"
