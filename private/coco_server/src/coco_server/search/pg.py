"""PgExecutor: finds candidates in one version's tables; it never decides relevance.

Keywords: the inverted index gives the postings of the query's terms, the core's BM25 scores them.
Vectors: small versions are scanned, large ones walked through HNSW. The plan is chosen here by
size and filter, never left to the planner's guess: a shared index under a filter loses results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coco_core.bm25 import CorpusStats, saturated_scores
from coco_core.chunk_columns import kind_of
from coco_core.filters import Filters
from coco_core.intent import SearchIntent
from coco_core.query import Query
from coco_core.search.ports import SearchExecutor
from coco_core.search.promising import promising_chunks
from coco_core.search.request import CandidateLimits, SearchRequest
from coco_core.tokens import term_id
from coco_core.types import Candidate, CandidateSet, ChunkMetadata, FloatVector
from coco_server.search.conditions import conditions
from coco_server.search.document_paths import chunks_at_paths
from coco_server.search.named_chunks import defining, in_files
from coco_server.search.nearest import NearestChunks, metadata_statement
from coco_server.search.visibility import shown_chunks
from coco_server.store import postings, segments
from coco_server.store.access import VIEWS_PUBLIC, Viewer
from coco_server.store.segments import Layout
from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version
from coco_server.store.vectors import PgVectors
from coco_server.store.versions import Version

__all__ = ["Allowed", "PgExecutor", "read_metadata"]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The chunks that pass a filter; ``keys`` is None when all do."""

    keys: NDArray[np.int32] | None
    """int32[n], ascending"""
    filtered: int
    """Of them, before phrases are looked for."""
    coverage: float
    """Share of these that have a vector."""

    def mask(self, chunks: int) -> NDArray[np.bool_] | None:
        """Return bool[chunks], by key."""
        if self.keys is None:
            return None
        mask = np.zeros(chunks, np.bool_)
        mask[self.keys] = True
        return mask


_NO_KEYS = np.empty(0, np.int64)


class _KeywordStage:
    """Keyword scores of what a viewer is shown of a version, for one query."""

    def __init__(
        self,
        session: TenantSession,
        version: Version,
        layout: Layout,
        query: Query,
        limits: CandidateLimits,
        *,
        shown: NDArray[np.bool_] | None,
        total: int,
    ) -> None:
        """Read the postings of the query's terms, in one statement; none that are not used.

        Removed chunks count in no frequency, and hidden ones neither: scores must not tell how many
        of them hold a word.

        Args:
            session: of the version's org.
            version: what is searched.
            layout: of the version.
            query: what is asked.
            limits: whether scores are wanted.
            shown: bool[span], the chunks that count; None: all.
            total: how many these are.
        """
        stats = CorpusStats(total, layout.weighted_by.average_lengths)
        terms = {term_id(term) for term in query.terms} if limits.keyword_scores else set()
        name = term_id(query.name) if query.name else None
        wording = {term: term_id(term) for term in query.wording.terms}
        found = postings.lookup(
            session,
            version.parts,
            terms | set(wording.values()) | ({name} if name is not None else set()),
        )
        if shown is not None:
            found = {number: _shown_postings(each, shown) for number, each in found.items()}
        self.holding = {
            term: found[number][0] if number in found else _NO_KEYS
            for term, number in wording.items()
        }
        """Keys of the chunks that hold each term of the wording."""
        self.scores = np.zeros(layout.span, np.float32)
        """float32[span]"""
        for term in terms & found.keys():
            keys, weights = found[term]
            if not len(keys):
                continue
            self.scores[keys] += saturated_scores(stats, len(keys), weights)
        self.exact_name_matches: frozenset[int] = frozenset()
        """Keys of the chunks that hold the whole name, if the query is one."""
        if name is not None and name in found:
            self.exact_name_matches = frozenset(found[name][0].tolist())


class PgExecutor:
    """Executes one search on one version for one viewer, in the session's transaction."""

    def __init__(
        self, session: TenantSession, version: Version, viewer: Viewer = VIEWS_PUBLIC
    ) -> None:
        self._session = session
        self._version = version
        self._viewer = viewer
        self._layout = segments.layout(session, version)

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Return the best candidates of each stage, with every known score of each."""
        version, query, limits = self._version, request.query, request.limits
        shown = shown_chunks(self._session, version, self._layout, self._viewer)
        live, total = shown or (self._layout.live(), version.chunk_count)
        allowed = _allowed_chunks(
            self._session,
            version,
            live,
            request.intent,
            query,
            hides=shown is not None,
            total=total,
            embedded=self._count_embedded,
        )
        mask = live if allowed.keys is None else allowed.mask(self._layout.span)
        keyword = _KeywordStage(
            self._session, version, self._layout, query, limits, shown=live, total=total
        )
        promising = promising_chunks(query.wording, keyword.holding, keyword.scores, mask, total)
        picked = set(promising.rows)
        picked |= set(_best_keys(keyword.scores, mask, limits.keyword))
        picked |= defining(self._session, version, limits.definitions, mask)
        picked |= in_files(self._session, version, limits.files, mask, removed=self._layout.removed)
        if query.phrases and allowed.keys is not None:
            # They hold what was asked for, whatever the stages make of it.
            picked |= set(allowed.keys[: limits.literal].tolist())
        searched = query_vector if query_vector is not None and limits.vector else None
        rows = self._candidates(sorted(picked), searched, allowed, limits.vector)
        return CandidateSet(
            candidates=[
                Candidate(
                    metadata=_metadata(row),
                    keyword=float(keyword.scores[row[0]]) if limits.keyword_scores else None,
                    vector=row[9],
                    exact_name_match=row[0] in keyword.exact_name_matches,
                )
                for row in sorted(rows)
            ],
            vector_coverage=allowed.coverage,
            total=total,
            filtered=allowed.filtered,
            frequencies=promising.frequencies,
            promising=promising.rows,
        )

    def _count_embedded(self, keys: NDArray[np.int32]) -> int:
        return PgVectors().count_among(self._session, self._version, self._layout, keys)

    def _candidates(
        self,
        picked: Sequence[int],
        vector: FloatVector | None,
        allowed: Allowed,
        wanted: int,
    ) -> list[tuple[Any, ...]]:
        """Return metadata and similarities of what keywords picked and of the nearest vectors."""
        if vector is None:
            rows = read_metadata(self._session, self._version, picked)
            return [(*row, None) for row in rows]
        nearest = NearestChunks(self._session, self._version, self._layout)
        return nearest.search(picked, vector, allowed.keys, wanted)


_: type[SearchExecutor] = PgExecutor


def _allowed_chunks(
    session: TenantSession,
    version: Version,
    live: NDArray[np.bool_] | None,
    intent: SearchIntent,
    query: Query,
    *,
    hides: bool,
    total: int,
    embedded: Callable[[NDArray[np.int32]], int],
) -> Allowed:
    """Return the chunks that pass the intent's filters and hold the query's phrases.

    Args:
        session: of the version's org.
        version: what is searched.
        live: bool[span], the chunks that count; None: all.
        intent: with the filters.
        query: with the phrases.
        hides: whether some chunks are hidden: then none may be found without being looked up.
        total: how many chunks count.
        embedded: counts which of some chunks have a vector; asked only when not all do.
    """
    filters, phrases = intent.filters, query.phrases
    coverage = version.embedded_count / version.chunk_count if version.chunk_count else 0.0
    if filters.empty and not phrases and not hides:
        return Allowed(None, total, coverage)
    filtered = total
    if not filters.empty and phrases:
        filtered = len(_passing(session, version, live, filters, ()))
    keys = _passing(session, version, live, filters, phrases)
    if not filters.empty and not phrases:
        filtered = len(keys)
    if version.embedded_count not in (0, version.chunk_count) and len(keys):
        coverage = embedded(keys) / len(keys)
    return Allowed(keys, filtered, coverage if len(keys) else 0.0)


def _passing(
    session: TenantSession,
    version: Version,
    live: NDArray[np.bool_] | None,
    filters: Filters,
    phrases: Sequence[str],
) -> NDArray[np.int32]:
    """Return int32[n], the chunks that count, pass the filters and hold the phrases, ascending."""
    at_paths = chunks_at_paths(session, version.parts, filters)
    others = conditions(filters, phrases)
    if others is None:
        if at_paths is None:
            assert live is not None, "without a condition, all chunks pass"
            return np.flatnonzero(live).astype(np.int32)
        return at_paths if live is None else at_paths[live[at_paths]]
    where, values = others
    row = session.connection.execute(
        in_version(
            "SELECT string_agg(int4send(chunk_key), ''::bytea) FROM {source_chunks} WHERE {where}",
            version.parts,
            where=where,
        ),
        values,
        binary=True,
    ).fetchone()
    packed = row[0] if row and row[0] is not None else b""
    keys = np.sort(np.frombuffer(packed, ">i4").astype(np.int32))
    if at_paths is not None:
        keys = np.intersect1d(keys, at_paths, assume_unique=True)
    return keys if live is None else keys[live[keys]]


def _shown_postings(
    posting: tuple[NDArray[np.int64], NDArray[np.float32]], shown: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the keys and weights of one term without the chunks that do not count."""
    keys, weights = posting
    kept = shown[keys]
    return keys[kept], weights[kept]


def _best_keys(scores: NDArray[np.float32], mask: NDArray[np.bool_] | None, most: int) -> list[int]:
    """Return the keys of the best scores above 0; ties at the border are broken by key."""
    if most <= 0:
        return []
    keys = np.flatnonzero(scores if mask is None else np.where(mask, scores, 0.0))
    if len(keys) > most:
        order = np.lexsort((keys, -scores[keys]))
        keys = keys[order[:most]]
    return [int(key) for key in keys]


def read_metadata(
    session: TenantSession, version: Version, keys: Sequence[int]
) -> list[tuple[Any, ...]]:
    """Return the metadata of chunks, as rows that `_metadata` reads without the similarity."""
    if not keys:
        return []
    shares = segments.layout(session, version).shares(keys)
    return session.connection.execute(
        metadata_statement(version.parts), shares, binary=True
    ).fetchall()


def _metadata(row: Sequence[Any]) -> ChunkMetadata:
    """Read the metadata of a chunk from a row of `read_metadata`, and the similarity."""
    # By position: some hundred of them are made for every query.
    key, doc_id, kind, language, symbol, definitions, start_line, end_line, tokens, _ = row
    return ChunkMetadata(
        key,
        doc_id,
        kind_of(kind),
        language,
        symbol,
        tuple(definitions),
        start_line,
        end_line,
        tokens,
    )
