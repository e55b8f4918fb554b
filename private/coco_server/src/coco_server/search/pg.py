"""PgExecutor: finds candidates in one version's tables; it never decides relevance.

Keywords: the inverted index gives the postings of the query's terms, the core's BM25 scores them.
Vectors: small versions are scanned, large ones walked through HNSW. The plan is chosen here by
size and filter, never left to the planner's guess: a shared index under a filter loses results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, Vector
from psycopg import sql

from coco_core.bm25 import saturated_scores
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
from coco_server.store import postings
from coco_server.store.sealing import corpus_stats, search_is_exact
from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version, of_version
from coco_server.store.versions import Version

__all__ = ["Allowed", "PgExecutor", "read_metadata"]

# HNSW returns at most as many rows as it keeps candidates; pgvector allows no more than this.
_MOST_HNSW_CANDIDATES = 1000

# With fewer candidates than this recall@10 falls below 0.99 on real text of some thousand chunks;
# with more chunks the same needs more of them, about by the square root.
_LEAST_HNSW_CANDIDATES = 120
_FEW_CHUNKS = 6_000

# A walk that must skip most of what it meets costs several times as much as one that need not.
_WALK_UNDER_FILTER = 4

_EXACT: LiteralString = "embedding <#> %(query)s"
_APPROXIMATE: LiteralString = "embedding::halfvec({dimension}) <#> %(half)s"

_NEAREST: LiteralString = """
    SELECT chunk_key, embedding <#> %(query)s AS distance
    FROM {chunk_vectors} {where} ORDER BY {distance} LIMIT %(most)s
"""

# Of what vectors found the distance is known; only what keywords alone picked is looked up.
_METADATA_OF_BOTH: LiteralString = """
    WITH nearest AS MATERIALIZED ({nearest}),
    found AS (
        SELECT chunk_key, distance FROM nearest
        UNION ALL
        SELECT key, (SELECT embedding <#> %(query)s FROM {chunk_vectors} WHERE chunk_key = key)
        FROM unnest(%(keys)s::int[]) AS key WHERE key NOT IN (SELECT chunk_key FROM nearest)
    )
    SELECT chunk_key, doc_id, kind, language, symbol, definitions, start_line, end_line,
        token_count, -distance
    FROM found JOIN {source_chunks} USING (chunk_key)
"""
_METADATA_OF_NEAREST: LiteralString = """
    SELECT chunk_key, doc_id, kind, language, symbol, definitions, start_line, end_line,
        token_count, -distance
    FROM ({nearest}) AS nearest JOIN {source_chunks} USING (chunk_key)
"""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The chunks that pass a filter; ``keys`` is None when all do."""

    keys: NDArray[np.int32] | None
    """int32[n], ascending"""
    filtered: int
    """Chunks that pass the intent's filters, before phrases are looked for."""
    coverage: float
    """Share of these that have a vector."""

    def mask(self, chunks: int) -> NDArray[np.bool_] | None:
        """Return bool[chunks]."""
        if self.keys is None:
            return None
        mask = np.zeros(chunks, np.bool_)
        mask[self.keys] = True
        return mask


_NO_KEYS = np.empty(0, np.int64)


class _KeywordStage:
    """Keyword scores of a whole version for one query."""

    def __init__(
        self, session: TenantSession, version: Version, query: Query, limits: CandidateLimits
    ) -> None:
        """Read the postings of the query's terms, in one statement; none that nobody looks at."""
        stats = corpus_stats(version)
        terms = {term_id(term) for term in query.terms} if limits.keyword_scores else set()
        name = term_id(query.name) if query.name else None
        wording = {term: term_id(term) for term in query.wording.terms}
        found = postings.lookup(
            session,
            version.version_no,
            terms | set(wording.values()) | ({name} if name is not None else set()),
        )
        self.holding = {
            term: found[number][0] if number in found else _NO_KEYS
            for term, number in wording.items()
        }
        """Keys of the chunks that hold each term of the wording."""
        self.scores = np.zeros(version.chunk_count, np.float32)
        """float32[chunks]"""
        for term in terms & found.keys():
            keys, weights = found[term]
            self.scores[keys] += saturated_scores(stats, len(keys), weights)
        self.exact_name_matches: frozenset[int] = frozenset()
        """Keys of the chunks that hold the whole name, if the query is one."""
        if name is not None and name in found:
            self.exact_name_matches = frozenset(found[name][0].tolist())


class PgExecutor:
    """Executes one search on one version, in the session's transaction."""

    def __init__(self, session: TenantSession, version: Version) -> None:
        self._session = session
        self._version = version

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Return the best candidates of each stage, with every known score of each."""
        version, query, limits = self._version, request.query, request.limits
        allowed = _allowed_chunks(
            self._session, version, request.intent, query, embedded=self._count_embedded
        )
        mask = allowed.mask(version.chunk_count)
        keyword = _KeywordStage(self._session, version, query, limits)
        promising = promising_chunks(
            query.wording, keyword.holding, keyword.scores, mask, version.chunk_count
        )
        picked = set(promising.rows)
        picked |= set(_best_keys(keyword.scores, mask, limits.keyword))
        picked |= defining(self._session, version, limits.definitions, mask)
        picked |= in_files(self._session, version, limits.files, mask)
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
            total=version.chunk_count,
            filtered=allowed.filtered,
            frequencies=promising.frequencies,
            promising=promising.rows,
        )

    def _count_embedded(self, keys: NDArray[np.int32]) -> int:
        statement = in_version(
            "SELECT count(*) FROM {chunk_vectors} WHERE chunk_key = ANY(%s)",
            self._version.version_no,
        )
        row = self._session.connection.execute(statement, (keys.tolist(),)).fetchone()
        return int(row[0]) if row else 0

    def _candidates(
        self,
        picked: Sequence[int],
        vector: FloatVector | None,
        allowed: Allowed,
        wanted: int,
    ) -> list[tuple[Any, ...]]:
        """Return metadata and similarities of what keywords picked and of the nearest vectors."""
        if vector is None:
            return read_metadata(self._session, self._version, picked)
        if allowed.keys is not None:
            # How many chunks pass decides how they are best found.
            self._set("plan_cache_mode", "force_custom_plan")
        if self._walks_index(allowed, wanted):
            rows = self._walk(picked, vector, allowed, wanted)
            if len(rows) >= min(wanted, self._version.embedded_count) or allowed.keys is None:
                return rows
            # The walk ended before it had met enough chunks that pass the filter.
            self._set("enable_seqscan", "on")
        return self._fetch(_EXACT, picked, vector, allowed, wanted)

    def _walks_index(self, allowed: Allowed, wanted: int) -> bool:
        if not self._version.approximate or wanted > _MOST_HNSW_CANDIDATES:
            return False
        few = allowed.keys is not None and search_is_exact(
            len(allowed.keys) // _WALK_UNDER_FILTER, self._version.dimension
        )
        return not few

    def _breadth(self, allowed: Allowed, wanted: int) -> int:
        """Return how many candidates a walk keeps, so that it misses next to nothing."""
        version = self._version
        growth = math.sqrt(max(1.0, version.embedded_count / _FEW_CHUNKS))
        share = 1.0 if allowed.keys is None else len(allowed.keys) / version.chunk_count
        breadth = round(max(wanted, _LEAST_HNSW_CANDIDATES) * growth / share)
        return min(breadth, _MOST_HNSW_CANDIDATES)

    def _walk(
        self, picked: Sequence[int], vector: FloatVector, allowed: Allowed, wanted: int
    ) -> list[tuple[Any, ...]]:
        filtering = "off" if allowed.keys is None else "relaxed_order"
        # The planner must not take a scan for cheaper because of a setting that it does not know;
        # what follows in the transaction looks rows up by their keys.
        self._session.connection.execute(
            "SELECT set_config('enable_seqscan', 'off', true), "
            # With the vector as a parameter the walk takes twice as long.
            "set_config('plan_cache_mode', 'force_custom_plan', true), "
            "set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', %s, true)",
            (str(self._breadth(allowed, wanted)), filtering),
        )
        return self._fetch(_APPROXIMATE, picked, vector, allowed, wanted)

    def _set(self, name: LiteralString, value: LiteralString) -> None:
        """Change a setting until the transaction ends."""
        self._session.connection.execute("SELECT set_config(%s, %s, true)", (name, value))

    def _fetch(
        self,
        distance: LiteralString,
        picked: Sequence[int],
        vector: FloatVector,
        allowed: Allowed,
        wanted: int,
    ) -> list[tuple[Any, ...]]:
        values: dict[str, object] = {
            "keys": list(picked),
            "query": Vector(vector),
            "half": HalfVector(vector),
            "most": wanted,
        }
        where: LiteralString = ""
        if allowed.keys is not None:
            where = "WHERE chunk_key = ANY(%(allowed)s)"
            values["allowed"] = allowed.keys.tolist()
        metadata = _METADATA_OF_BOTH if picked else _METADATA_OF_NEAREST
        statement = _search_statement(
            self._version.version_no, self._version.dimension, metadata, where, distance
        )
        cursor = self._session.connection.execute(statement, values, binary=True)
        return cursor.fetchall()


_: type[SearchExecutor] = PgExecutor


# As many as there are versions that are asked again and again.
@lru_cache(maxsize=1_024)
def _search_statement(
    number: int,
    dimension: int,
    metadata: LiteralString,
    where: LiteralString,
    distance: LiteralString,
) -> bytes:
    nearest = in_version(
        _NEAREST,
        number,
        where=sql.SQL(where),
        distance=sql.SQL(distance).format(dimension=sql.Literal(dimension)),
    )
    return in_version(metadata, number, nearest=nearest).as_bytes(None)


def _allowed_chunks(
    session: TenantSession,
    version: Version,
    intent: SearchIntent,
    query: Query,
    *,
    embedded: Callable[[NDArray[np.int32]], int],
) -> Allowed:
    """Return the chunks that pass the intent's filters and hold the query's phrases.

    ``embedded`` counts which of some chunks have a vector; it is asked only when not all do.
    """
    filters, phrases = intent.filters, query.phrases
    coverage = version.embedded_count / version.chunk_count if version.chunk_count else 0.0
    if filters.empty and not phrases:
        return Allowed(None, version.chunk_count, coverage)
    filtered = version.chunk_count
    if not filters.empty and phrases:
        filtered = len(_passing(session, version, filters, ()))
    keys = _passing(session, version, filters, phrases)
    if not phrases:
        filtered = len(keys)
    if version.embedded_count not in (0, version.chunk_count) and len(keys):
        coverage = embedded(keys) / len(keys)
    return Allowed(keys, filtered, coverage if len(keys) else 0.0)


def _passing(
    session: TenantSession, version: Version, filters: Filters, phrases: Sequence[str]
) -> NDArray[np.int32]:
    """Return the keys of the chunks that pass filters and hold phrases; there are some of these."""
    at_paths = chunks_at_paths(session, version.version_no, filters)
    others = conditions(replace(filters, include=(), narrowed=(), exclude=()), phrases)
    if others is None:
        assert at_paths is not None
        return at_paths
    where, values = others
    row = session.connection.execute(
        in_version(
            "SELECT string_agg(int4send(chunk_key), ''::bytea) FROM {source_chunks} WHERE {where}",
            version.version_no,
            where=where,
        ),
        values,
        binary=True,
    ).fetchone()
    packed = row[0] if row and row[0] is not None else b""
    keys = np.sort(np.frombuffer(packed, ">i4").astype(np.int32))
    return keys if at_paths is None else np.intersect1d(keys, at_paths, assume_unique=True)


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
    """Return the metadata of chunks, as rows that `_metadata` reads; their similarity is None."""
    if not keys:
        return []
    return session.connection.execute(
        of_version(
            "SELECT chunk_key, doc_id, kind, language, symbol, definitions, start_line, end_line, "
            "token_count, NULL::float8 FROM {source_chunks} WHERE chunk_key = ANY(%s)",
            version.version_no,
        ),
        (list(keys),),
        binary=True,
    ).fetchall()


def _metadata(row: Sequence[Any]) -> ChunkMetadata:
    """Read the metadata of a chunk from a row of `read_metadata`."""
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
