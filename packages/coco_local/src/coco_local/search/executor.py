"""InMemoryExecutor: finds candidates with raw stage scores; it never decides relevance.

It works on the memory index, which holds LanceDB's rows and what is not flushed yet. Filters are
applied before each stage is cut to its best k.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from coco_core.bm25 import term_scores, term_weight
from coco_core.filters import Filters, matches_path, matches_symbol
from coco_core.query import Query
from coco_core.search.ports import SearchExecutor
from coco_core.search.promising import promising_chunks
from coco_core.search.request import MOST_OF_FILE, SearchRequest
from coco_core.tokens import term_id
from coco_core.types import Candidate, CandidateSet, FilterName, FloatVector
from coco_local.index.memory import MemoryIndex, Snapshot
from coco_local.index.top_k import best_rows
from coco_local.search.revision import NO_FILE

__all__ = ["InMemoryExecutor"]


class InMemoryExecutor:
    """Executes one search on one index."""

    def __init__(self, memory: MemoryIndex, only: dict[str, list[range]] | None = None) -> None:
        """Search ``memory``.

        Args:
            memory: the index.
            only: the lines in which the query's phrases stand, by document.
        """
        self._memory = memory
        self._only = only
        self._ahead: tuple[Snapshot, NDArray[np.float32]] | None = None
        self._weights: dict[str, float] = {}

    def look_up(self, query: Query) -> None:
        """Do ahead of `search` what needs no vector, while the query's is being computed."""
        snapshot = self._memory.snapshot()
        self._ahead = snapshot, self._keyword(query, snapshot)

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Return the best candidates of each stage, with every known score of each."""
        query, limits = request.query, request.limits
        if self._ahead is None:
            self.look_up(query)
        assert self._ahead is not None
        snapshot, keyword = self._ahead
        allowed = snapshot.live & self._filter(request.intent.filters, snapshot)
        filtered = int(allowed.sum())
        if self._only is not None and query.phrases:
            allowed &= self._touching(self._only, snapshot)
        promising = promising_chunks(
            query.wording, self._holding(query, snapshot), keyword, allowed, snapshot.stats.chunks
        )
        picked = set(promising.rows)
        picked.update(best_rows(np.where(allowed, keyword, 0.0), limits.keyword, 0.0).tolist())
        matrix = self._memory.matrix
        has_vector = snapshot.known | snapshot.static
        searchable = allowed & has_vector
        asked = query_vector if limits.vector else None
        near: dict[int, float] = {}
        if asked is not None:
            best, cosines = matrix.best(asked, searchable, limits.vector)
            near = dict(zip(best.tolist(), cosines.tolist(), strict=True))
            picked.update(near)
        for name in limits.definitions:
            defining = self._memory.rows_defining(name.rpartition(".")[2])
            picked.update(row for row in defining if row < snapshot.rows and allowed[row])
        for name in limits.files:
            rows = self._memory.rows_of_files(name)[:MOST_OF_FILE]
            picked.update(row for row in rows if row < snapshot.rows and allowed[row])
        if query.phrases:
            # They hold what was asked for, whatever the stages make of it.
            picked.update(np.flatnonzero(allowed)[: limits.literal].tolist())
        named = self._named(query)
        known_share = float(searchable.sum()) / filtered if filtered else 0.0
        static_share = float((allowed & snapshot.static).sum()) / filtered if filtered else 0.0
        if asked is not None:
            others = np.array([row for row in picked if row not in near], np.int64)
            others = others[has_vector[others]]
            near |= zip(others.tolist(), matrix.cosines(asked, others).tolist(), strict=True)
        rows = sorted(picked)
        chunks = self._memory.metadata.of_rows(rows)
        return CandidateSet(
            candidates=[
                Candidate(chunk, bm25, near.get(row), row in named)
                for row, chunk, bm25 in zip(rows, chunks, keyword[rows].tolist(), strict=True)
            ],
            vector_coverage=known_share,
            static_share=static_share,
            total=snapshot.stats.chunks,
            filtered=filtered,
            unmet=None if filtered else self._unmet(request.intent.filters, snapshot),
            term_weights=self._weights,
            frequencies=promising.frequencies,
            promising=[self._memory.metadata.key(row) for row in promising.rows],
        )

    def _unmet(self, filters: Filters, snapshot: Snapshot) -> FilterName | None:
        """Return the first filter that no chunk passes, whatever the others say."""
        alone: list[tuple[FilterName, Filters]] = []
        # A file that does not differ from a revision is at its path all the same.
        doc_ids = () if NO_FILE in filters.doc_ids else filters.doc_ids
        if filters.include or doc_ids:
            paths = Filters(include=filters.include, doc_ids=doc_ids)
            alone.append(("no_such_path", paths))
        if filters.languages:
            alone.append(("no_such_language", Filters(languages=filters.languages)))
        if filters.symbol is not None:
            alone.append(("no_such_symbol", Filters(symbol=filters.symbol)))
        for name, only in alone:
            if not (snapshot.live & self._filter(only, snapshot)).any():
                return name
        return None

    def _holding(self, query: Query, snapshot: Snapshot) -> dict[str, NDArray[np.int32]]:
        """Return the living rows that hold each term of the wording."""
        terms = query.wording.terms
        found = self._memory.postings.lookup([term_id(term) for term in terms])
        return {term: _living(rows, snapshot) for term, (rows, _) in zip(terms, found, strict=True)}

    def _keyword(self, query: Query, snapshot: Snapshot) -> NDArray[np.float32]:
        """Return float32[rows]: fielded BM25."""
        scores = np.zeros(snapshot.rows, np.float32)
        ids = [term_id(term) for term in query.terms]
        for term, (rows, frequencies) in zip(
            query.terms, self._memory.postings.lookup(ids), strict=True
        ):
            live = rows < snapshot.rows
            live[live] = snapshot.live[rows[live]]
            rows_now = rows[live]
            self._weights[term] = term_weight(snapshot.stats, len(rows_now))
            if not len(rows_now):
                continue
            scores[rows_now] += term_scores(
                snapshot.stats, len(rows_now), frequencies[live], snapshot.lengths[rows_now]
            )
        return scores

    def _named(self, query: Query) -> set[int]:
        """Return the rows that hold the whole name, if the query is one."""
        if not query.name:
            return set()
        (rows, _), *_none = self._memory.postings.lookup([term_id(query.name)])
        return set(rows.tolist())

    def _filter(self, filters: Filters, snapshot: Snapshot) -> NDArray[np.bool_]:
        """Return bool[rows]; conditions on the file are decided once for each file."""
        if filters.empty:
            return np.ones(snapshot.rows, np.bool_)
        if filters.tags or filters.min_quality is not None or filters.verified:
            # Tags, quality and verification are the server's: no local chunk has any.
            return np.zeros(snapshot.rows, np.bool_)
        allowed = self._allowed_documents(filters)[snapshot.document_of]
        if filters.languages:
            allowed &= self._memory.metadata.languages.among(filters.languages, snapshot.rows)
        if filters.kinds:
            allowed &= self._memory.metadata.kinds.among(filters.kinds, snapshot.rows)
        if filters.symbol is not None:
            for row in np.flatnonzero(allowed & snapshot.live).tolist():
                chunk = self._memory.metadata[row]
                allowed[row] = any(
                    matches_symbol(filters.symbol, path)
                    for path in (chunk.symbol, *chunk.definitions)
                )
        return allowed

    def _allowed_documents(self, filters: Filters) -> NDArray[np.bool_]:
        names = list(self._memory.document_ids)
        # A revision of long ago names thousands of files.
        ids = frozenset(filters.doc_ids)
        others = replace(filters, doc_ids=())
        allowed = np.array(
            [(not ids or name in ids) and matches_path(others, name) for name in names], np.bool_
        )
        if filters.changed_since is not None:
            for number in np.flatnonzero(allowed).tolist():
                entry = self._memory.documents.get(names[number])
                stamp = entry.document.mtime_ns if entry else 0
                # A negative stamp means that the file changed a moment before it was read.
                allowed[number] = stamp < 0 or stamp >= filters.changed_since * 1e9
        return allowed

    def _touching(self, only: dict[str, list[range]], snapshot: Snapshot) -> NDArray[np.bool_]:
        allowed = np.zeros(snapshot.rows, np.bool_)
        for doc_id, lines in only.items():
            entry = self._memory.documents.get(doc_id)
            for row in entry.rows if entry else ():
                if row < snapshot.rows:
                    chunk = self._memory.metadata[row]
                    allowed[row] = _touches(chunk.start_line, chunk.end_line, lines)
        return allowed


_: type[SearchExecutor] = InMemoryExecutor


def _living(rows: NDArray[np.int32], snapshot: Snapshot) -> NDArray[np.int32]:
    rows = rows[rows < snapshot.rows]
    return rows[snapshot.live[rows]]


def _touches(start: int, end: int, lines: Iterable[range]) -> bool:
    return any(found.start <= end and start < found.stop for found in lines)
