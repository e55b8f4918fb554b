"""Query service: resolves the version, embeds, searches, ranks, loads contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import psycopg

from coco_core.configs import IndexingConfig
from coco_core.errors import (
    CocoError,
    InvalidConfig,
    ModelMissing,
    Unavailable,
    VersionNotFound,
)
from coco_core.search.course import FoundResults, SearchPage, StageClock, find_results
from coco_core.search.relevance import BUILT_IN_FLOOR, search_notice
from coco_core.search.request import SearchRequest
from coco_core.types import FloatVector
from coco_embed.reranking.rerankers import Rerankers
from coco_embed.resolver import Embedders
from coco_embed.store import DEFAULT_MODEL
from coco_protocol.docs import RetrievalBody
from coco_protocol.server.docs import Hit, QueryData, QueryMeta, QueryRequest
from coco_protocol.serving.intents import query_intent, with_adopted
from coco_server.search.answer import FoundAnswer
from coco_server.search.backend import ExecutorFactory
from coco_server.search.embedding import QueryVectors
from coco_server.search.hydrate import StoredHits
from coco_server.search.pg import PgExecutor
from coco_server.search.rerankers import REGISTER
from coco_server.store import versions
from coco_server.store.access import VIEWS_PUBLIC, Viewer
from coco_server.store.replicas import Replicas
from coco_server.store.session import Database, Scope, TenantSession
from coco_server.store.versions import QueryTarget

__all__ = ["SearchService"]

# Projects of which it is remembered what their last query met; a few hundred bytes each.
_MOST_MET = 10_000


@dataclass(frozen=True, slots=True)
class _Basis:
    """What decides how a request is understood and embedded, whichever version answers it."""

    config: Mapping[str, object]
    retrieval_config: Mapping[str, object] | None
    query_config_id: str | None
    embedded: bool
    """Whether there are vectors at all."""

    @classmethod
    def of(cls, target: QueryTarget) -> Self:
        """Take it from what answers."""
        embedded = target.version is not None and target.version.embedded_count > 0
        return cls(target.config, target.retrieval_config, target.query_config_id, embedded)


@dataclass(frozen=True, slots=True)
class _Question:
    """A request as its project's index takes it."""

    search: SearchRequest
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
        *,
        rerankers: Rerankers | None = None,
        replicas: Replicas | None = None,
    ) -> None:
        self._database = database
        self._replicas = replicas
        self._rerankers = rerankers or Rerankers({}, hint=REGISTER)
        self._executor = executor
        self._vectors = QueryVectors(embedders)
        self._met: dict[tuple[str, str, str | None], _Basis] = {}

    def query(
        self, scope: Scope, request: QueryRequest, viewer: Viewer = VIEWS_PUBLIC
    ) -> tuple[QueryMeta, QueryData]:
        """Answer a question; see `find`."""
        return self.find(scope, request, viewer).finished()

    def find(
        self, scope: Scope, request: QueryRequest, viewer: Viewer = VIEWS_PUBLIC
    ) -> FoundAnswer:
        """Answer a question from one version, the active one unless another config is asked for.

        Only what the viewer is shown is searched: the answer is that of an index without the rest.

        The answer may have to be reranked yet, which needs no connection to the database.

        Raises:
            ProjectNotFound: the org has no such project.
            ConfigNotFound: the org has no such config.
            InvalidIntent: the request does not fit together.
            Unavailable: only vectors were asked for, and the query cannot be embedded.
        """
        try:
            return self._find(scope, request, viewer)
        except (psycopg.errors.UndefinedTable, VersionNotFound):
            # A segment was dropped after its version had been chosen: there is a newer one by now,
            # or another list of segments.
            return self._find(scope, request, viewer)

    def close(self) -> None:
        """Let go of the embedders."""
        self._vectors.close()

    def _find(self, scope: Scope, request: QueryRequest, viewer: Viewer) -> FoundAnswer:
        clock = StageClock()
        key = (scope.org_id, scope.project_id, request.indexing_config_id)
        # No connection is held while a model embeds. So the query is embedded before, for the index
        # that the last one met, and one transaction does the rest; only where that has changed the
        # embedding comes in between.
        expected = self._met.get(key)
        question = self._question(scope, request, expected) if expected is not None else None
        clock.lap("embed")
        with self._database.read_transaction(scope.org_id) as session:
            target = versions.resolve_version(session, scope.project_id, request.indexing_config_id)
            clock.lap("resolve")
            basis = _Basis.of(target)
            if question is not None and basis == expected and not self._replicas:
                return self._from_version(
                    session, target, question, clock, project_id=scope.project_id, viewer=viewer
                )
        if question is None or basis != expected:
            if len(self._met) >= _MOST_MET:
                self._met.clear()
            self._met[key] = basis
            question = self._question(scope, request, basis)
            clock.lap("embed")
        if self._replicas and target.version is not None:
            wanted = question
            found = self._replicas.ask(
                target.version,
                lambda session: self._from_version(
                    session, target, wanted, clock, project_id=scope.project_id, viewer=viewer
                ),
            )
            if found is not None:
                return found
        with self._database.read_transaction(scope.org_id) as session:
            return self._from_version(
                session, target, question, clock, project_id=scope.project_id, viewer=viewer
            )

    def _from_version(
        self,
        session: TenantSession,
        target: QueryTarget,
        question: _Question,
        clock: StageClock,
        *,
        project_id: str,
        viewer: Viewer,
    ) -> FoundAnswer:
        if question.error is not None:
            raise question.error
        reranker = question.search.intent.reranker
        page: SearchPage[Hit] = SearchPage.empty()
        waiting: FoundResults[Hit] | None = None
        if target.version is not None:
            found = find_results(
                question.search,
                question.vector,
                self._executor(session, target.version, viewer),
                StoredHits(session, target.version, explain=question.search.intent.explain),
                clock,
                floor=BUILT_IN_FLOOR if _is_built_in(target) else None,
            )
            if reranker is None:
                page = found.page()
            else:
                waiting = found
            clock.lap("contents")
        of_query = search_notice(question.search.query) if _is_built_in(target) else None
        return FoundAnswer(
            meta={
                "status": "fresh" if target.active else "stale",
                "project_id": project_id,
                "version_id": target.version.version_id if target.version else None,
                "indexing_config_id": target.config_id,
                "query_config_id": question.adopted,
            },
            notices=[of_query, question.notice],
            page=page,
            clock=clock,
            results=waiting,
            reranker=reranker.model_name if reranker is not None else "",
            rerankers=self._rerankers,
        )

    def _question(self, scope: Scope, request: QueryRequest, basis: _Basis) -> _Question:
        """Read a request, and embed its query where that is of use.

        Raises:
            InvalidIntent: the request does not fit together, or names a reranker that is not there.
        """
        if request.retrieval_config.reranker is not None:
            # One that was adopted may have gone since: then the answer says so.
            self._rerankers.seconds(request.retrieval_config.reranker.model_name)
        defaults = None
        if basis.retrieval_config is not None:
            defaults = RetrievalBody.model_validate(basis.retrieval_config)
        retrieval, adopted = with_adopted(request.retrieval_config, defaults, basis.query_config_id)
        intent = query_intent(request.query, retrieval, request.filters, explain=request.explain)
        question = _Question(SearchRequest.of(intent), adopted)
        if not question.search.needs_vector or not basis.embedded:
            return question
        embedding = IndexingConfig.from_dict(basis.config).embedding
        try:
            vector = self._vectors.of(scope.org_id, question.search.query.embed_text, embedding)
        except (Unavailable, ModelMissing, InvalidConfig) as error:
            # Vectors that were imported may be of a model that this service does not have.
            if intent.retrieval_mode == "vector":
                return replace(question, error=error)
            return replace(question, notice=f"Keywords alone answered: {error.message}")
        return replace(question, vector=vector)


def _is_built_in(target: QueryTarget) -> bool:
    """Whether the vectors are of the model whose relevance floor and language are known."""
    return IndexingConfig.from_dict(target.config).embedding.model_name == DEFAULT_MODEL
