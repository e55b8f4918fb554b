"""QdrantExecutor: keywords, filters and metadata from PostgreSQL, similarities from Qdrant."""

from __future__ import annotations

from coco_core.intent import SearchIntent
from coco_core.plan import CandidateLimits
from coco_core.ports import SearchExecutor
from coco_core.query import Query
from coco_core.types import Candidate, CandidateSet, FloatVector
from coco_server.search.pg import (
    KeywordStage,
    allowed_chunks,
    best_keys,
    defining,
    metadata_of,
    read_metadata,
)
from coco_server.store.qdrant import QdrantVectors
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["QdrantExecutor"]


class QdrantExecutor:
    """Executes one search on one version, in the session's transaction."""

    def __init__(self, session: TenantSession, version: Version, vectors: QdrantVectors) -> None:
        self._session = session
        self._version = version
        self._vectors = vectors

    def search(
        self,
        intent: SearchIntent,
        query: Query,
        query_vector: FloatVector | None,
        limits: CandidateLimits,
    ) -> CandidateSet:
        """Return the best candidates of each stage, with every known score of each."""
        version = self._version
        allowed = allowed_chunks(
            self._session,
            version,
            intent,
            query,
            embedded=lambda keys: self._vectors.count_among(version, keys),
        )
        mask = allowed.mask(version.chunk_count)
        keyword = KeywordStage(self._session, version, query, limits)
        picked = set(best_keys(keyword.scores, mask, limits.keyword))
        picked |= defining(self._session, version, limits.definitions, mask)
        similar: dict[int, float] = {}
        if query_vector is not None and limits.vector and version.embedded_count:
            similar = self._vectors.similarities(
                version,
                query_vector,
                nearest=limits.vector,
                allowed=allowed.keys,
                picked=sorted(picked),
            )
        rows = read_metadata(self._session, version, sorted(picked | similar.keys()))
        return CandidateSet(
            candidates=[
                Candidate(
                    metadata=metadata_of(row),
                    keyword=float(keyword.scores[row[0]]) if limits.keyword_scores else None,
                    vector=similar.get(row[0]),
                    exact_name_match=row[0] in keyword.exact_name_matches,
                )
                for row in sorted(rows)
            ],
            vector_coverage=allowed.coverage,
            total=version.chunk_count,
            filtered=allowed.filtered,
        )


_: type[SearchExecutor] = QdrantExecutor
