"""Query service: updates the index, searches, verifies hits on disk, answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from coco_core.errors import DocumentNotFound, InvalidInput, Unavailable
from coco_core.globs import glob_of
from coco_core.quantities import count
from coco_core.query import Query
from coco_core.search.course import SearchPage, StageClock, run_search
from coco_core.search.relevance import BUILT_IN_FLOOR, STATIC_FLOOR
from coco_core.search.request import SearchRequest
from coco_core.types import Definition, FloatVector
from coco_embed.reranking.rerankers import QueryReranking, Rerankers
from coco_local.indexing.gate import ForegroundGate
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.models.index_models import IndexModel
from coco_local.monitoring.activity import Activity
from coco_local.projects.defaults import default_retrieval
from coco_local.projects.registry import ProjectRegistry
from coco_local.search.absent import absent_paths
from coco_local.search.executor import InMemoryExecutor
from coco_local.search.hydrate import DiskHydrator, VerifiedHit
from coco_local.search.live import literal_lines, promising_files
from coco_local.search.notices import answer_notice, empty_reason
from coco_local.search.revision import resolved_revision
from coco_local.store.documents import IndexedChunk
from coco_protocol.docs import (
    ChunkBody,
    EnclosingBody,
    Hit,
    HitMeta,
    PieceBody,
    QueryData,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
    RelatedRequest,
    RetrievalBody,
)
from coco_protocol.serving.hits import chunk_fields, scores_of
from coco_protocol.serving.intents import query_intent, retrieval_intent, with_adopted

__all__ = [
    "FIRST_SCAN_SECONDS",
    "QueryService",
    "QueryVector",
    "Question",
    "bring_up_to_date",
    "query_vector",
    "relevance_floor",
    "wire_hit",
]

# What one query may spend on files that changed a moment ago: a saved file takes a few
# milliseconds, a branch switch is left to the worker and to the live search.
_CATCH_UP_SECONDS = 0.06

# The same for files that are not indexed yet and hold the query's words.
_LIVE_SECONDS = 0.25
_LIVE_FILES = 25

# After a restart the stored index is loaded first (a second or two, of which half is the import of
# LanceDB), then the directory is listed: the first question waits rather than being told nothing.
FIRST_SCAN_SECONDS = 10.0


# Questions whose vectors are computed at a time: more than there are cores, so that one that waits
# for a server's model does not keep the others.
_EMBEDDING_THREADS = 4


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the index that it goes to."""

    indexer: ProjectIndexer
    search: SearchRequest
    config_id: str
    query_config_id: str | None = None
    without: int | None = None
    """The key of a chunk that is no answer."""


@dataclass(frozen=True, slots=True)
class QueryVector:
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
        rerankers: Rerankers,
    ) -> None:
        self.registry = registry
        self.activity = activity
        self.gate = gate
        self.rerankers = rerankers
        self._embedding = ThreadPoolExecutor(_EMBEDDING_THREADS, "coco-question")

    def close(self) -> None:
        """Let go of the threads; questions in hand end by themselves."""
        self._embedding.shutdown(wait=False)

    def query(self, request: QueryRequest) -> QueryEnvelope:
        """Answer a question.

        Raises:
            InvalidIntent: it names a reranker that is not registered.
        """
        self.require_reranker(request.retrieval_config)
        project = self.registry.resolve(request.project_id, request.path)
        indexer = project.named(request.indexing_config_id)
        self.registry.check_globs(project.project, request.filters.include)
        retrieval, adopted = with_adopted(
            request.retrieval_config, default_retrieval(project), project.defaults.query_config_id
        )
        filters = resolved_revision(indexer.project.root, request.filters)
        intent = query_intent(request.query, retrieval, filters, explain=request.explain)
        question = Question(
            indexer,
            SearchRequest.of(intent),
            config_id=request.indexing_config_id or project.project.config_id,
            query_config_id=adopted,
        )
        if not question.search.needs_vector:
            return self._answer(question, lambda: QueryVector(None))
        # The model computes outside of the interpreter's lock: meanwhile this thread goes on.
        return self._answer(question, self._embedding.submit(query_vector, question).result)

    def related(self, request: RelatedRequest) -> QueryEnvelope:
        """Answer with chunks like the one at a place."""
        self.require_reranker(request.retrieval_config)
        project = self.registry.resolve(request.project_id, request.path)
        indexer = project.active
        self.registry.check_globs(project.project, request.filters.include)
        if request.doc_id is not None:
            self.registry.check_inside(project.project, [request.doc_id])
        indexer.backlog.wait_scanned(FIRST_SCAN_SECONDS)
        indexer.backlog.sync()
        indexer.catch_up(None, _CATCH_UP_SECONDS)
        known, doc_id = _chunk_at(indexer, request)
        names = (known.chunk.symbol, *known.chunk.heading_trail)
        text = " ".join(part for part in names if part)
        text = text or doc_id
        filters = resolved_revision(indexer.project.root, request.filters)
        intent = retrieval_intent(text, request.retrieval_config, filters)
        row = indexer.index.memory.row_of(known.key)
        vector = indexer.index.memory.matrix.get(row) if row is not None else None
        question = Question(
            indexer,
            SearchRequest.of(intent),
            config_id=project.project.config_id,
            without=known.key,
        )
        return self._answer(question, lambda: QueryVector(vector))

    def require_reranker(self, asked: RetrievalBody) -> None:
        """Refuse a name that the caller made up; one that was adopted may have gone since."""
        if asked.reranker is not None:
            self.rerankers.seconds(asked.reranker.model_name)

    # --- one answer ----------------------------------------------------------------------------

    def _answer(self, question: Question, vector_of: Callable[[], QueryVector]) -> QueryEnvelope:
        indexer, search = question.indexer, question.search
        with self.gate.query():
            clock = StageClock()
            proven = bring_up_to_date(indexer, search.query)
            clock.lap("sync")
            only = None
            if search.query.phrases:
                only = literal_lines(
                    indexer.project.root,
                    search.query.phrases,
                    indexer.index.memory.encodings(),
                )
            executor = InMemoryExecutor(indexer.index.memory, only)
            executor.look_up(search.query)
            clock.lap("keywords")
            embedded = vector_of()
            clock.lap("embed")
            hydrator = DiskHydrator(indexer.index, indexer.reader)
            reranking = QueryReranking(self.rerankers, search.intent.reranker)
            page = run_search(
                search,
                embedded.vector,
                executor,
                hydrator,
                clock,
                without=question.without,
                in_pieces=True,
                floor=relevance_floor(indexer.model),
                rerank=reranking,
            )
            indexer.backlog.report_stale(hydrator.stale)
            clock.lap("validate" if search.intent.reranker is None else "rerank")
            indexer.embed_first([hit.ranked.candidate.metadata.doc_id for hit in page.hits])
        notice = answer_notice(
            indexer,
            search,
            page,
            embedded=embedded.vector is not None,
            model_notice=embedded.notice,
        )
        notices = (notice, reranking.notice)
        meta = _meta(question, notices, page, hydrator, clock, proven=proven)
        self.activity.query(
            indexer.project.project_id,
            search.intent.query,
            len(page.hits),
            clock.took["total"],
            meta.tier,
        )
        data = QueryData(
            results=[wire_hit(hit, explain=search.intent.explain) for hit in page.hits],
            next_offset=page.next_offset,
            empty_reason=empty_reason(indexer, page),
        )
        return QueryEnvelope(meta=meta, data=data)


def relevance_floor(model: IndexModel) -> float | None:
    """Return the cosine below which a vector of the model is no evidence; None if not measured."""
    if not model.static:
        return None
    return BUILT_IN_FLOOR if model.ready else STATIC_FLOOR


def query_vector(question: Question) -> QueryVector:
    """Embed a question.

    Raises:
        Unavailable: it asks for vectors alone, and there is no model.
    """
    model = question.indexer.model
    try:
        vector, notice = model.embed_query(question.search.query.embed_text), None
    except Unavailable as error:
        vector, notice = None, str(error)
    if vector is None and question.search.intent.retrieval_mode == "vector":
        raise Unavailable(
            "Vector search needs the embedding model, which is not available.",
            hint=notice or model.notice or "Search with retrieval_mode 'hybrid' or 'fts'.",
        )
    return QueryVector(vector, notice)


def _meta(
    question: Question,
    notices: Sequence[str | None],
    page: SearchPage[VerifiedHit],
    hydrator: DiskHydrator,
    clock: StageClock,
    *,
    proven: bool,
) -> QueryMeta:
    indexer = question.indexer
    pending = indexer.pending
    return QueryMeta.model_validate(
        {
            "status": "fresh" if pending == 0 and proven else "stale",
            "project_id": indexer.project.project_id,
            "indexing_config_id": question.config_id,
            "query_config_id": question.query_config_id,
            "tier": page.tier(model_ready=indexer.model.ready),
            "vector_coverage": round(page.candidates.model_coverage, 4),
            "pending_files": pending,
            "relocated_hits": hydrator.relocated,
            "stale_hits_dropped": hydrator.stale_dropped,
            "notice": " ".join(each for each in notices if each) or None,
            "took_ms": clock.took,
        }
    )


def bring_up_to_date(
    indexer: ProjectIndexer, query: Query, *, patience: float = FIRST_SCAN_SECONDS
) -> bool:
    """Index what changed, as far as there is time; False when changes may not be known yet."""
    proven = indexer.backlog.sync()
    proven &= indexer.backlog.wait_scanned(patience)
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


def _chunk_at(indexer: ProjectIndexer, request: RelatedRequest) -> tuple[IndexedChunk, str]:
    store, memory = indexer.index.store, indexer.index.memory
    if request.chunk_id is not None:
        for doc_id in [request.doc_id] if request.doc_id else list(memory.documents):
            for known in store.document_chunks(doc_id):
                if known.chunk_id == request.chunk_id:
                    return known, doc_id
        raise DocumentNotFound(f"There is no chunk {request.chunk_id!r}.")
    if request.doc_id is None or request.line is None:
        raise InvalidInput("Give doc_id and line, or chunk_id.")
    chunks = store.document_chunks(request.doc_id)
    if not chunks:
        absent = absent_paths(
            indexer.scan, [glob_of(request.doc_id)], list(memory.documents), "indexed"
        )
        raise DocumentNotFound(
            absent or f"Nothing of {request.doc_id!r} is indexed: it is empty.",
            hint="Paths are relative to the project's root.",
        )
    lines = len(indexer.reader.require(request.doc_id).lines)
    if request.line > max(1, lines):
        raise InvalidInput(
            f"{request.doc_id!r} has {count(lines, 'line')}; line {request.line} is beyond its end."
        )
    # Between two chunks there is nothing but empty lines: they belong to what stands above them.
    above = [known for known in chunks if known.chunk.span.start_line <= request.line]
    return (above or chunks[:1])[-1], request.doc_id


def wire_hit(hit: VerifiedHit, *, explain: bool) -> Hit:
    """Return a hit as it is sent."""
    doc_id = hit.ranked.candidate.metadata.doc_id
    return Hit(
        meta=HitMeta(**scores_of(hit.ranked, explain=explain), relocated=hit.relocated),
        chunk=ChunkBody(
            chunk_id=hit.indexed.chunk_id,
            doc_id=doc_id,
            path=doc_id,
            start_line=hit.start_line,
            end_line=hit.end_line,
            content=hit.content,
            **chunk_fields(hit.indexed.chunk),
        ),
        pieces=[
            PieceBody(start_line=piece.start_line, end_line=piece.end_line, content=piece.text)
            for piece in hit.excerpt.pieces
        ],
        enclosing=_enclosing(hit.excerpt.enclosing),
    )


def _enclosing(definition: Definition | None) -> EnclosingBody | None:
    if definition is None:
        return None
    return EnclosingBody(
        symbol=definition.path,
        kind=definition.kind.value,
        start_line=definition.line,
        end_line=definition.end_line,
        signature=definition.signature,
    )
