"""LanceExecutor: finds candidates with raw stage scores; it never decides relevance.

It works on the memory index, which holds LanceDB's rows and what is not flushed yet. Filters are
applied before each stage is cut to its best k.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from coco_core.bm25 import term_scores
from coco_core.plan import Wanted
from coco_core.query import Query
from numpy.typing import NDArray

from coco_core.filters import Filters, compile_glob, matches
from coco_core.intent import SearchIntent
from coco_core.ports import ExecutorAnswer, SearchExecutor
from coco_core.tokens import term_id
from coco_core.types import Candidate, FloatVector
from coco_local.index.memory import MemoryIndex, Snapshot

__all__ = ["LanceExecutor"]


class LanceExecutor:
    """Executes one search on one index."""

    def __init__(self, memory: MemoryIndex, only: dict[str, list[range]] | None = None) -> None:
        """Search ``memory``; ``only`` restricts the answer to chunks that touch given lines."""
        self._memory = memory
        self._only = only

    def search(
        self,
        intent: SearchIntent,
        query: Query,
        query_vector: FloatVector | None,
        wanted: Wanted,
    ) -> ExecutorAnswer:
        """Return the best candidates of each stage, with every known score of each."""
        snapshot = self._memory.snapshot()
        allowed = snapshot.alive & self._filter(intent.filters, snapshot)
        if self._only is not None:
            allowed &= self._touching(self._only, snapshot)
        filtered = int(allowed.sum())
        keyword = self._keyword(query, snapshot)
        picked: set[int] = set()
        picked.update(_best(np.where(allowed, keyword, 0.0), wanted.keyword))
        vector: FloatVector | None = None
        searchable = allowed & snapshot.known
        if query_vector is not None and wanted.vector:
            vector = self._memory.matrix.scores(query_vector, snapshot.rows)
            picked.update(_best(np.where(searchable, vector, -np.inf), wanted.vector))
        for name in wanted.definitions:
            rows = self._memory.rows_defining(name.rpartition(".")[2])
            picked.update(row for row in rows if row < snapshot.rows and allowed[row])
        known_share = float(searchable.sum()) / filtered if filtered else 0.0
        return ExecutorAnswer(
            candidates=[
                Candidate(
                    facts=self._memory.facts[row],
                    keyword=float(keyword[row]),
                    vector=(
                        float(vector[row]) if vector is not None and snapshot.known[row] else None
                    ),
                )
                for row in sorted(picked)
            ],
            vector_coverage=known_share,
            total=snapshot.stats.chunks,
            filtered=filtered,
        )

    def _keyword(self, query: Query, snapshot: Snapshot) -> NDArray[np.float32]:
        """Return float32[rows]: fielded BM25."""
        scores = np.zeros(snapshot.rows, np.float32)
        terms = [term_id(term) for term in query.terms]
        for rows, frequencies in self._memory.postings.lookup(terms):
            living = rows < snapshot.rows
            living[living] = snapshot.alive[rows[living]]
            rows_now = rows[living]
            if not len(rows_now):
                continue
            scores[rows_now] += term_scores(
                snapshot.stats, len(rows_now), frequencies[living], snapshot.lengths[rows_now]
            )
        return scores

    def _filter(self, filters: Filters, snapshot: Snapshot) -> NDArray[np.bool_]:
        """Return bool[rows]; conditions on the file are decided once for each file."""
        allowed = np.ones(snapshot.rows, np.bool_)
        if filters.empty:
            return allowed
        documents = self._allowed_documents(filters)
        allowed &= documents[snapshot.document_of]
        if filters.languages or filters.kinds or filters.symbol or filters.tags:
            for row in np.flatnonzero(allowed & snapshot.alive):
                allowed[row] = matches(_only_chunk(filters), self._memory.facts[int(row)])
        if filters.min_quality is not None or filters.verified is not None:
            # Quality is the server's: no local chunk has any.
            allowed[:] = False
        return allowed

    def _allowed_documents(self, filters: Filters) -> NDArray[np.bool_]:
        names = list(self._memory.document_ids)
        include = [compile_glob(pattern) for pattern in filters.include]
        exclude = [compile_glob(pattern) for pattern in filters.exclude]
        wanted = set(filters.doc_ids)
        since = filters.changed_since
        allowed = np.zeros(len(names), np.bool_)
        for number, name in enumerate(names):
            if include and not any(glob.fullmatch(name) for glob in include):
                continue
            if any(glob.fullmatch(name) for glob in exclude) or (wanted and name not in wanted):
                continue
            if since is not None:
                entry = self._memory.documents.get(name)
                stamp = entry.document.mtime_ns if entry else 0
                # An untrusted stamp means that the file changed a moment before it was read.
                if 0 <= stamp < since * 1e9:
                    continue
            allowed[number] = True
        return allowed

    def _touching(self, only: dict[str, list[range]], snapshot: Snapshot) -> NDArray[np.bool_]:
        allowed = np.zeros(snapshot.rows, np.bool_)
        for doc_id, lines in only.items():
            entry = self._memory.documents.get(doc_id)
            for row in entry.rows if entry else ():
                if row < snapshot.rows:
                    allowed[row] = _touches(
                        self._memory.facts[row].start_line, self._memory.facts[row].end_line, lines
                    )
        return allowed


_: type[SearchExecutor] = LanceExecutor


def _only_chunk(filters: Filters) -> Filters:
    """Return the conditions that are decided for each chunk."""
    return Filters(
        languages=filters.languages,
        kinds=filters.kinds,
        symbol=filters.symbol,
        tags=filters.tags,
    )


def _touches(start: int, end: int, lines: Iterable[range]) -> bool:
    return any(found.start <= end and start < found.stop for found in lines)


def _best(scores: NDArray[np.float32] | NDArray[np.float64], k: int) -> Sequence[int]:
    """Return the rows of the k best scores above the floor (0 for keywords, -inf for vectors)."""
    if k <= 0 or not len(scores):
        return []
    floor = 0.0 if scores.min() >= 0 else -np.inf
    rows = np.flatnonzero(scores > floor)
    if len(rows) > k:
        # Ties at the border are broken by row, so that the same query answers the same.
        order = np.lexsort((rows, -scores[rows]))
        rows = rows[order[:k]]
    return [int(row) for row in rows]
