"""Queries: which version answers, the query's vector, candidates, ranking, contents."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import psycopg

from coco_core.configs import IndexingConfig
from coco_core.errors import CocoError, InvalidConfig, InvalidIntent, ModelMissing, Unavailable
from coco_core.intent import SearchIntent
from coco_core.page import Pick, Selection
from coco_core.plan import candidate_limits
from coco_core.query import Query, parse_query
from coco_core.ranking import Ranked, rank
from coco_core.types import CandidateSet, FloatVector
from coco_embed.choice import Embedders
from coco_protocol.docs import FiltersBody, RetrievalBody
from coco_protocol.server.docs import ChunkBody, Hit, HitMeta, QueryData, QueryMeta, QueryRequest
from coco_protocol.serving.intents import retrieval_intent, with_defaults
from coco_server.search.backend import ExecutorFactory
from coco_server.search.embedding import QueryVectors
from coco_server.search.pg import PgExecutor
from coco_server.store import chunks, versions
from coco_server.store.chunks import ChunkContent
from coco_server.store.session import Database, Scope, TenantSession
from coco_server.store.versions import Answering

__all__ = ["SearchService", "served_intent"]

# Projects of which it is remembered what their last query met; a few hundred bytes each.
_MOST_MET = 10_000

# Hits that are looked at behind a full answer, to tell whether a further page is worth asking for.
_LOOK_BEYOND = 20


@dataclass
class _Clock:
    """Time by stage, in milliseconds."""

    started: float = field(default_factory=time.perf_counter)
    last: float = field(default_factory=time.perf_counter)
    took: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.took[stage] = round((now - self.last) * 1000, 3)
        self.took["total"] = round((now - self.started) * 1000, 3)
        self.last = now


@dataclass(frozen=True, slots=True)
class _Basis:
    """What decides how a request is understood and embedded, whichever version answers it."""

    config: Mapping[str, object]
    retrieval_config: Mapping[str, object] | None
    query_config_id: str | None
    embedded: bool
    """Whether there are vectors at all."""

    @classmethod
    def of(cls, target: Answering) -> Self:
        """Take it from what answers."""
        embedded = target.version is not None and target.version.embedded_count > 0
        return cls(target.config, target.retrieval_config, target.query_config_id, embedded)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as its project's index understands it."""

    intent: SearchIntent
    query: Query
    adopted: str | None
    """The name of the retrieval config that filled what was left out."""
    vector: FloatVector | None = None
    notice: str | None = None
    error: CocoError | None = None
    """Why there is no vector where nothing else was asked for."""


class SearchService:
    """Answers questions about a project; thread-safe."""

    def __init__(
        self,
        database: Database,
        embedders: Embedders,
        executor: ExecutorFactory = PgExecutor,
    ) -> None:
        self._database = database
        self._executor = executor
        self._vectors = QueryVectors(embedders)
        self._met: dict[tuple[str, str, str | None], _Basis] = {}

    def query(self, scope: Scope, request: QueryRequest) -> tuple[QueryMeta, QueryData]:
        """Answer a question from one version, the active one unless another config is asked for.

        Raises:
            ProjectNotFound: the org has no such project.
            ConfigNotFound: the org has no such config.
            InvalidIntent: the request does not fit together.
            Unavailable: only vectors were asked for, and the query cannot be embedded.
        """
        try:
            return self._answer(scope, request)
        except psycopg.errors.UndefinedTable:
            # The version was dropped after it had been chosen: there is a newer one by now.
            return self._answer(scope, request)

    def close(self) -> None:
        """Let go of the embedders."""
        self._vectors.close()

    def _answer(self, scope: Scope, request: QueryRequest) -> tuple[QueryMeta, QueryData]:
        clock = _Clock()
        key = (scope.org_id, scope.project_id, request.indexing_config_id)
        # No connection is held while a model embeds. So the query is embedded before, for the index
        # that the last one met, and one transaction does the rest; only where that has changed the
        # embedding comes in between.
        expected = self._met.get(key)
        asked = self._asked(request, expected) if expected is not None else None
        clock.lap("embed")
        with self._database.asking(scope.org_id) as session:
            target = versions.answering(session, scope.project_id, request.indexing_config_id)
            clock.lap("resolve")
            basis = _Basis.of(target)
            if asked is not None and basis == expected:
                return self._from_version(session, scope.project_id, target, asked, clock)
        if len(self._met) >= _MOST_MET:
            self._met.clear()
        self._met[key] = basis
        asked = self._asked(request, basis)
        clock.lap("embed")
        with self._database.asking(scope.org_id) as session:
            return self._from_version(session, scope.project_id, target, asked, clock)

    def _from_version(
        self,
        session: TenantSession,
        project_id: str,
        target: Answering,
        asked: _Asked,
        clock: _Clock,
    ) -> tuple[QueryMeta, QueryData]:
        if asked.error is not None:
            raise asked.error
        intent, query, vector = asked.intent, asked.query, asked.vector
        found, hits, next_offset = CandidateSet([]), [], None
        if target.version is not None:
            executor = self._executor(session, target.version)
            found = executor.search(intent, query, vector, candidate_limits(intent, query))
            clock.lap("search")
            picks, next_offset = _select(intent, rank(intent, query, found))
            clock.lap("rank")
            keys = [pick.ranked.candidate.metadata.key for pick in picks]
            contents = chunks.contents(session, target.version, keys)
            hits = [
                _hit(pick, contents[key], intent) for pick, key in zip(picks, keys, strict=True)
            ]
            clock.lap("contents")
        meta = QueryMeta.model_validate(
            {
                "status": "fresh" if target.active else "stale",
                "project_id": project_id,
                "version_id": target.version.version_id if target.version else None,
                "indexing_config_id": target.config_id,
                "query_config_id": asked.adopted,
                "tier": _tier(vector, found.vector_coverage),
                "notice": asked.notice,
                "took_ms": clock.took,
            }
        )
        empty = None if hits else _why_empty(found)
        return meta, QueryData(results=hits, next_offset=next_offset, empty_reason=empty)

    def _asked(self, request: QueryRequest, basis: _Basis) -> _Asked:
        """Understand a request, and embed its query where that is of use.

        Raises:
            InvalidIntent: the request does not fit together.
        """
        retrieval, adopted = _with_adopted(request.retrieval_config, basis)
        intent = served_intent(request.query, retrieval, request.filters, explain=request.explain)
        asked = _Asked(intent, parse_query(intent), adopted)
        by_words = intent.retrieval_mode == "fts" or intent.hybrid_alpha == 0
        if by_words or not basis.embedded:
            return asked
        embedding = IndexingConfig.from_dict(basis.config).embedding
        try:
            return replace(asked, vector=self._vectors.of(asked.query.embed_text, embedding))
        except (Unavailable, ModelMissing, InvalidConfig) as error:
            # Vectors that were imported may be of a model that this service does not have.
            if intent.retrieval_mode == "vector":
                return replace(asked, error=error)
            return replace(asked, notice=f"Keywords alone answered: {error.message}")


def served_intent(
    query: str, retrieval: RetrievalBody, filters: FiltersBody, *, explain: bool = False
) -> SearchIntent:
    """Return the intent of a text under a retrieval config.

    Raises:
        InvalidIntent: they do not fit together, or ask for what this service does not have.
    """
    intent = retrieval_intent(query, retrieval, filters, explain=explain)
    if intent.reranker is not None:
        raise InvalidIntent(
            f"There is no reranker {intent.reranker.model_name!r} in this service.",
            hint="Leave `reranker` out.",
        )
    return intent


def _with_adopted(sent: RetrievalBody, basis: _Basis) -> tuple[RetrievalBody, str | None]:
    """Fill what was left out from the project's defaults; returns also their name if any was."""
    if basis.retrieval_config is None:
        return sent, None
    filled = with_defaults(sent, RetrievalBody.model_validate(basis.retrieval_config))
    before = (sent.model_fields_set, sent.ranking.model_fields_set)
    after = (filled.model_fields_set, filled.ranking.model_fields_set)
    return filled, basis.query_config_id if after != before else None


def _select(intent: SearchIntent, ranked: list[Ranked]) -> tuple[list[Pick], int | None]:
    """Return the picks of this page, and the offset of the next one if there is one."""
    selection = Selection(intent)
    looked_beyond = 0
    for item in ranked:
        if selection.full:
            looked_beyond += 1
            if selection.more or looked_beyond > _LOOK_BEYOND:
                break
        if selection.wants(item):
            # Hits are shown as they were stored, without lines: none may vanish in another, as it
            # would where all chunks of a document came with the same lines.
            own = item.candidate.metadata.key
            selection.offer(item, start_line=own, end_line=own)
    return selection.picks, selection.next_offset


def _tier(
    vector: FloatVector | None, coverage: float
) -> Literal["keyword", "mixed", "transformer"]:
    if vector is None or coverage <= 0:
        return "keyword"
    return "transformer" if coverage >= 1 else "mixed"


def _why_empty(found: CandidateSet) -> Literal["nothing_indexed", "filtered_out", "no_match"]:
    if found.total == 0:
        return "nothing_indexed"
    return "filtered_out" if found.filtered == 0 else "no_match"


def _hit(pick: Pick, chunk: ChunkContent, intent: SearchIntent) -> Hit:
    candidate = pick.ranked.candidate
    return Hit(
        meta=HitMeta(
            score=round(pick.ranked.score, 6),
            vector=round(candidate.vector, 6) if candidate.vector is not None else None,
            fts=round(candidate.keyword, 4) if candidate.keyword is not None else None,
            quality=chunk.quality,
            verified=chunk.verified,
            explain=dict(pick.ranked.explanation or {}) if intent.explain else None,
        ),
        chunk=ChunkBody(
            chunk_id=chunk.chunk_id,
            doc_id=chunk.doc_id,
            source_ref=chunk.source_ref,
            title=chunk.title,
            ordinal=chunk.ordinal,
            language=chunk.language,
            kind=chunk.kind,
            symbol=chunk.symbol,
            signature=chunk.signature,
            heading_trail=chunk.heading_trail,
            fragment=chunk.fragment,
            definitions=list(candidate.metadata.definitions),
            token_count=chunk.token_count,
            tags=chunk.tags,
            content=chunk.content,
        ),
    )
