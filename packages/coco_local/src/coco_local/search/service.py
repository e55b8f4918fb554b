"""Queries: bring the index up to the moment, search, verify on disk, answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from coco_core.errors import (
    DocumentNotFound,
    InvalidInput,
    InvalidIntent,
    Unavailable,
)
from coco_core.intent import SearchIntent
from coco_core.plan import wanted
from coco_core.query import Query, understand
from coco_core.ranking import rank
from coco_core.types import ExecutorAnswer, FloatVector
from coco_local.indexing.gate import ForegroundGate
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.models.index_models import IndexModel
from coco_local.monitoring.activity import Activity
from coco_local.projects.defaults import default_retrieval
from coco_local.projects.indexes import ProjectIndexes
from coco_local.projects.registry import ProjectRegistry
from coco_local.search.executor import LanceExecutor
from coco_local.search.hydrate import Hydrator, LiveHit
from coco_local.search.live import literal_lines, promising_files
from coco_local.search.page import fill_page
from coco_local.store.documents import ChunkPlace
from coco_protocol.docs import (
    ChunkBody,
    Hit,
    HitMeta,
    QueryData,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
    RelatedRequest,
)
from coco_protocol.serving.intents import intent_of, retrieval_intent, with_defaults

__all__ = ["QueryService"]

# What one query may spend on files that changed a moment ago: a saved file takes a few
# milliseconds, a branch switch is left to the worker and to the live search.
_CATCH_UP_SECONDS = 0.06

# The same for files that are not indexed yet and hold the query's words.
_LIVE_SECONDS = 0.25
_LIVE_FILES = 25

# After a restart the stored index is loaded first (a second or two, of which half is the import of
# LanceDB), then the directory is listed: the first question waits rather than being told nothing.
_FIRST_SCAN_SECONDS = 10.0


# Questions whose vectors are computed at a time: more than there are cores, so that one that waits
# for a server's model does not keep the others.
_EMBEDDING_THREADS = 4


@dataclass
class _Clock:
    """Time by stage, in milliseconds."""

    started: float = field(default_factory=time.perf_counter)
    last: float = field(default_factory=time.perf_counter)
    took: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.took[stage] = round((now - self.last) * 1000, 3)
        self.last = now

    def total(self) -> float:
        return (time.perf_counter() - self.started) * 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, and the index that it goes to."""

    indexer: ProjectIndexer
    intent: SearchIntent
    query: Query
    config_id: str
    query_config_id: str | None = None
    without: int | None = None
    """The key of a chunk that is no answer."""


@dataclass(frozen=True, slots=True)
class _QueryVector:
    """What a question is in the space of the index's vectors."""

    vector: FloatVector | None
    notice: str | None = None
    """Why there is none, if there should be one."""


class QueryService:
    """Answers questions about a project."""

    def __init__(
        self,
        registry: ProjectRegistry,
        activity: Activity,
        gate: ForegroundGate,
    ) -> None:
        self._registry = registry
        self._activity = activity
        self._gate = gate
        self._embedding = ThreadPoolExecutor(_EMBEDDING_THREADS, "coco-question")

    def close(self) -> None:
        """Let go of the threads; questions in hand end by themselves."""
        self._embedding.shutdown(wait=False)

    def query(self, request: QueryRequest) -> QueryEnvelope:
        """Answer a question."""
        project = self._registry.resolve(request.project_id, request.path)
        indexer = project.named(request.indexing_config_id)
        request, adopted = _with_adopted(request, project)
        intent = intent_of(request)
        _refuse_reranker(intent)
        query = understand(intent)
        asked = _Asked(
            indexer,
            intent,
            query,
            config_id=request.indexing_config_id or project.project.config_id,
            query_config_id=adopted,
        )
        if not _asks_vectors(intent):
            return self._answer(asked, lambda: _QueryVector(None))
        # The model computes outside of the interpreter's lock: meanwhile this thread goes on.
        return self._answer(asked, self._embedding.submit(_query_vector, asked).result)

    def related(self, request: RelatedRequest) -> QueryEnvelope:
        """Answer with chunks like the one at a place."""
        project = self._registry.resolve(request.project_id, request.path)
        indexer = project.active
        indexer.backlog.wait_scanned(_FIRST_SCAN_SECONDS)
        indexer.backlog.sync()
        indexer.catch_up(None, _CATCH_UP_SECONDS)
        place, doc_id = _chunk_at(indexer, request)
        text = " ".join(part for part in (place.symbol, *place.heading_trail) if part)
        text = text or doc_id
        intent = retrieval_intent(text, request.retrieval_config, request.filters)
        _refuse_reranker(intent)
        row = indexer.index.memory.row_of(place.key)
        vector = indexer.index.memory.matrix.get(row) if row is not None else None
        asked = _Asked(
            indexer,
            intent,
            understand(intent),
            config_id=project.project.config_id,
            without=place.key,
        )
        return self._answer(asked, lambda: _QueryVector(vector))

    # --- one answer ----------------------------------------------------------------------------

    def _answer(self, asked: _Asked, vector_of: Callable[[], _QueryVector]) -> QueryEnvelope:
        indexer, intent, query = asked.indexer, asked.intent, asked.query
        with self._gate.query():
            clock = _Clock()
            proven = _bring_up_to_date(indexer, query)
            clock.lap("sync")
            only = None
            if query.phrases:
                only = literal_lines(
                    indexer.project.root, query.phrases, list(indexer.index.memory.documents)
                )
            executor = LanceExecutor(indexer.index.memory, only)
            executor.look_up(query)
            clock.lap("keywords")
            embedded = vector_of()
            clock.lap("embed")
            found = executor.search(intent, query, embedded.vector, wanted(intent, query))
            clock.lap("search")
            ranked = [
                item
                for item in rank(intent, query, found)
                if item.candidate.facts.key != asked.without
            ]
            clock.lap("rank")
            hydrator = Hydrator(indexer.index, indexer.reader)
            hits, next_offset = fill_page(intent, ranked, hydrator)
            indexer.backlog.report_stale(hydrator.stale)
            clock.lap("validate")
            indexer.embed_first([hit.ranked.candidate.facts.doc_id for hit in hits])
        meta = _meta(asked, embedded, found, hydrator, clock, proven=proven)
        self._activity.query(
            indexer.project.project_id, intent.query, len(hits), clock.total(), meta.tier
        )
        data = QueryData(
            results=[_hit(hit, intent) for hit in hits],
            next_offset=next_offset,
            empty_reason=None if hits else _why_empty(found, indexer),
        )
        return QueryEnvelope(meta=meta, data=data)


def _with_adopted(
    request: QueryRequest, project: ProjectIndexes
) -> tuple[QueryRequest, str | None]:
    """Fill what was left out from the project's defaults; returns also their name if any was."""
    defaults = default_retrieval(project)
    if defaults is None:
        return request, None
    sent = request.retrieval_config
    filled = with_defaults(sent, defaults)
    before = (sent.model_fields_set, sent.ranking.model_fields_set)
    if (filled.model_fields_set, filled.ranking.model_fields_set) == before:
        return request, None
    return request.model_copy(update={"retrieval_config": filled}), project.defaults.query_config_id


def _asks_vectors(intent: SearchIntent) -> bool:
    return intent.retrieval_mode != "fts" and intent.hybrid_alpha != 0


def _query_vector(asked: _Asked) -> _QueryVector:
    model = asked.indexer.model
    try:
        vector, notice = model.embed_query(asked.query.embed_text), None
    except Unavailable as error:
        vector, notice = None, str(error)
    if vector is None and asked.intent.retrieval_mode == "vector":
        raise Unavailable(
            "Vector search needs the embedding model, which is not there.",
            hint=notice or model.notice or "Search with retrieval_mode 'hybrid' or 'fts'.",
        )
    return _QueryVector(vector, notice)


def _meta(
    asked: _Asked,
    embedded: _QueryVector,
    found: ExecutorAnswer,
    hydrator: Hydrator,
    clock: _Clock,
    *,
    proven: bool,
) -> QueryMeta:
    indexer = asked.indexer
    pending = indexer.pending
    coverage = found.vector_coverage - found.static_share
    tier = "keyword"
    if embedded.vector is not None and found.vector_coverage > 0:
        tier = _vector_tier(indexer.model, coverage)
    notices = [embedded.notice or indexer.model.notice, _progress(indexer, pending)]
    clock.took["total"] = round(clock.total(), 3)
    return QueryMeta.model_validate(
        {
            "status": "fresh" if pending == 0 and proven else "stale",
            "project_id": indexer.project.project_id,
            "indexing_config_id": asked.config_id,
            "query_config_id": asked.query_config_id,
            "tier": tier,
            "vector_coverage": round(coverage, 4),
            "pending_files": pending,
            "corrected": hydrator.corrected,
            "dropped": hydrator.dropped,
            "notice": " ".join(notice for notice in notices if notice) or None,
            "took_ms": clock.took,
        }
    )


def _vector_tier(model: IndexModel, coverage: float) -> str:
    if coverage <= 0 or not model.ready:
        return "static"
    return "transformer" if coverage >= 1 else "mixed"


def _refuse_reranker(intent: SearchIntent) -> None:
    if intent.reranker is not None:
        raise InvalidIntent(
            f"There is no reranker {intent.reranker.model_name!r} on this machine.",
            hint="Leave `reranker` out; local mode ranks without a cross-encoder.",
        )


def _bring_up_to_date(indexer: ProjectIndexer, query: Query) -> bool:
    """Index what changed, as far as there is time; False when changes may not be known yet."""
    proven = indexer.backlog.sync()
    proven &= indexer.backlog.wait_scanned(_FIRST_SCAN_SECONDS)
    if indexer.pending and not indexer.backlog.is_large:
        indexer.catch_up(None, _CATCH_UP_SECONDS)
    if not indexer.pending:
        return proven
    with indexer.backlog.try_lock() as mine:
        # Of many queries at once one looks into the files that wait, and all gain by it: each on
        # its own would search them again and take the cores from the others and from the indexing.
        if mine:
            waiting = indexer.backlog.files.all()
            found = promising_files(indexer.project.root, query, waiting, _LIVE_FILES)
            indexer.catch_up(found, _LIVE_SECONDS)
        else:
            indexer.backlog.notify_worker()
    return proven


def _chunk_at(indexer: ProjectIndexer, request: RelatedRequest) -> tuple[ChunkPlace, str]:
    store, memory = indexer.index.store, indexer.index.memory
    if request.chunk_id is not None:
        for doc_id in [request.doc_id] if request.doc_id else list(memory.documents):
            for place in store.document_places(doc_id):
                if place.chunk_id == request.chunk_id:
                    return place, doc_id
        raise DocumentNotFound(f"There is no chunk {request.chunk_id!r}.")
    if request.doc_id is None or request.line is None:
        raise InvalidInput("Give doc_id and line, or chunk_id.")
    places = store.document_places(request.doc_id)
    if not places:
        raise DocumentNotFound(
            f"There is no indexed file {request.doc_id!r}.",
            hint="Paths are relative to the project's root.",
        )
    for place in places:
        if place.start_line <= request.line <= place.end_line:
            return place, request.doc_id
    return places[-1], request.doc_id


def _progress(indexer: ProjectIndexer, pending: int) -> str | None:
    if pending == 0:
        return None
    total = max(indexer.files_total, pending)
    return f"Indexing: {total - pending} of {total} files are in the index."


def _why_empty(found: ExecutorAnswer, indexer: ProjectIndexer) -> str:
    if found.total == 0 or not indexer.index.memory.documents:
        return "nothing_indexed"
    return "filtered_out" if found.filtered == 0 else "no_match"


def _hit(hit: LiveHit, intent: SearchIntent) -> Hit:
    candidate = hit.ranked.candidate
    facts = candidate.facts
    place = hit.place
    return Hit(
        meta=HitMeta(
            score=round(hit.ranked.score, 6),
            vector=round(candidate.vector, 6) if candidate.vector is not None else None,
            fts=round(candidate.keyword, 4) if candidate.keyword is not None else None,
            moved=hit.moved,
            explain=dict(hit.ranked.explanation or {}) if intent.explain else None,
        ),
        chunk=ChunkBody(
            chunk_id=place.chunk_id,
            doc_id=facts.doc_id,
            path=facts.doc_id,
            start_line=hit.start_line,
            end_line=hit.end_line,
            language=place.language,
            kind=place.kind,
            symbol=place.symbol,
            signature=place.signature,
            heading_trail=list(place.heading_trail),
            fragment=place.fragment,
            definitions=list(facts.definitions),
            token_count=place.token_count,
            content=hit.content,
        ),
    )
