"""Queries over several projects: one ranking of what all of them have."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coco_core.bm25 import joined_stats
from coco_core.errors import CocoError, InvalidInput, Unavailable
from coco_core.search.course import SearchPage, StageClock, run_search
from coco_core.search.joined import IndexShare, JoinedExecutor, JoinedHydrator, SharedHit
from coco_core.search.request import SearchRequest
from coco_embed.reranking.rerankers import QueryReranking
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.models.index_models import IndexModel
from coco_local.projects.indexes import ProjectIndexes
from coco_local.search.executor import InMemoryExecutor
from coco_local.search.hydrate import DiskHydrator, VerifiedHit
from coco_local.search.live import literal_lines
from coco_local.search.notices import indexing_progress
from coco_local.search.service import (
    QueryService,
    QueryVector,
    Question,
    bring_up_to_date,
    query_vector,
    relevance_floor,
    wire_hit,
)
from coco_protocol.docs import Hit, QueryData, QueryEnvelope, QueryMeta, QueryRequest
from coco_protocol.serving.intents import query_intent

__all__ = ["query_several"]

# What all projects together may take to be read for the first time: who asks many of them will not
# wait for each in turn, and those that are not there yet are named.
_FIRST_SCAN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Share:
    """One project's part in a search."""

    indexer: ProjectIndexer
    executor: InMemoryExecutor
    hydrator: DiskHydrator
    same_model: bool
    """See `IndexShare`."""


@dataclass(slots=True)
class _Asked:
    """The projects that answer, by their ids, and why others do not."""

    shares: dict[str, _Share] = field(default_factory=dict)
    proven: bool = True
    """Whether every change is known."""
    notices: list[str] = field(default_factory=list)


def query_several(service: QueryService, request: QueryRequest) -> QueryEnvelope:
    """Answer from the projects that a request names, or from all.

    What a project has adopted as its defaults does not count: they would contradict each other.

    Raises:
        InvalidInput: the request names one project as well, or a revision.
        ProjectNotFound: one that it names does not exist.
        InvalidIntent: it names a reranker that is not registered.
        Unavailable: none of them can answer.
    """
    if request.project_id is not None or request.path is not None:
        raise InvalidInput(
            "The request names one project, and several to be searched together.",
            hint="Give project_id or path, or else projects or all_projects.",
        )
    if request.filters.since_revision is not None:
        raise InvalidInput(
            f"The revision {request.filters.since_revision!r} is of one repository.",
            hint="Search one project with since_revision, or several without.",
        )
    service.require_reranker(request.retrieval_config)
    projects = service.registry.several(request.projects, every=request.all_projects)
    search = SearchRequest.of(
        query_intent(
            request.query, request.retrieval_config, request.filters, explain=request.explain
        )
    )
    with service.gate.query():
        clock = StageClock()
        asked = _Asked()
        indexers = _current(projects, request.indexing_config_id, search, asked)
        clock.lap("sync")
        model = _main_model(indexers)
        for indexer in indexers:
            _ask(indexer, search, asked, same_model=indexer.model is model)
        if not asked.shares:
            raise Unavailable("None of the projects can answer.", hint=" ".join(asked.notices))
        shares = list(asked.shares.values())
        _look_up(shares, search)
        clock.lap("keywords")
        embedded = _embedded(shares, search)
        clock.lap("embed")
        reranking = QueryReranking(service.rerankers, search.intent.reranker)
        page = _page(asked.shares, search, embedded, reranking, clock)
        for share in shares:
            share.indexer.backlog.report_stale(share.hydrator.stale)
        clock.lap("validate" if search.intent.reranker is None else "rerank")
    asked.notices += [each for each in (embedded.notice, reranking.notice) if each]
    meta = _meta(asked, page, clock)
    service.activity.query("", request.query, len(page.hits), clock.took["total"], meta.tier)
    data = QueryData(
        results=[_hit(asked, each, explain=request.explain) for each in page.hits],
        next_offset=page.next_offset,
        empty_reason=page.empty_reason,
    )
    return QueryEnvelope(meta=meta, data=data)


def _current(
    projects: Sequence[ProjectIndexes],
    config_id: str | None,
    search: SearchRequest,
    asked: _Asked,
) -> list[ProjectIndexer]:
    """Bring the indexes up to date, and return those that can be searched.

    Raises:
        Unavailable: there is none.
    """
    deadline = time.monotonic() + _FIRST_SCAN_SECONDS
    ready: list[ProjectIndexer] = []
    for project in projects:
        name = project.project.name
        try:
            indexer = project.named(config_id)
        except CocoError as error:
            asked.notices.append(error.message)
            continue
        patience = max(0.0, deadline - time.monotonic())
        asked.proven &= bring_up_to_date(indexer, search.query, patience=patience)
        if indexer.error is not None:
            asked.notices.append(f"{name} cannot answer: {indexer.error}")
        elif not indexer.index.memory.chunk_count and not indexer.backlog.wait_scanned(0):
            asked.notices.append(f"{name} cannot answer yet: its index is being read.")
        else:
            ready.append(indexer)
    if not ready:
        raise Unavailable("None of the projects can answer.", hint=" ".join(asked.notices))
    return ready


def _main_model(indexers: Sequence[ProjectIndexer]) -> IndexModel:
    """Return the model of most chunks: it embeds the question."""
    chunks: Counter[IndexModel] = Counter()
    for indexer in indexers:
        chunks[indexer.model] += indexer.index.memory.chunk_count
    return chunks.most_common(1)[0][0]


def _ask(
    indexer: ProjectIndexer, search: SearchRequest, asked: _Asked, *, same_model: bool
) -> None:
    """Make an index one of those that answer, unless the question means nothing to it."""
    name = indexer.project.name
    if not same_model and search.needs_vector:
        if search.intent.retrieval_mode == "vector":
            asked.notices.append(
                f"{name} cannot answer: another model computed its vectors, which do not compare."
            )
            return
        asked.notices.append(
            f"{name} was searched by words alone: another model computed its vectors."
        )
    only = None
    if search.query.phrases:
        only = literal_lines(
            indexer.project.root, search.query.phrases, indexer.index.memory.encodings()
        )
    pending = indexing_progress(indexer)
    if pending is not None:
        asked.notices.append(f"{name}: {pending}")
    asked.shares[indexer.project.project_id] = _Share(
        indexer,
        InMemoryExecutor(indexer.index.memory, only),
        DiskHydrator(indexer.index, indexer.reader),
        same_model,
    )


def _look_up(shares: Sequence[_Share], search: SearchRequest) -> None:
    """Score keywords in every index by what all of them know of the words."""
    stats = joined_stats([share.executor.statistics(search.query) for share in shares])
    for share in shares:
        share.executor.look_up(search.query, stats)


def _embedded(shares: Sequence[_Share], search: SearchRequest) -> QueryVector:
    if not search.needs_vector:
        return QueryVector(None)
    indexer = next(share.indexer for share in shares if share.same_model)
    return query_vector(Question(indexer, search, config_id=indexer.index.config.config_id))


def _page(
    shares: Mapping[str, _Share],
    search: SearchRequest,
    embedded: QueryVector,
    reranking: QueryReranking,
    clock: StageClock,
) -> SearchPage[SharedHit[VerifiedHit]]:
    executor = JoinedExecutor(
        [IndexShare(name, share.executor, share.same_model) for name, share in shares.items()]
    )
    hydrators = {name: share.hydrator for name, share in shares.items()}
    hydrator = JoinedHydrator(executor.origins, hydrators)
    # Of the model that embeds the question; vectors of others are unknown here.
    model = next(share.indexer.model for share in shares.values() if share.same_model)
    return run_search(
        search,
        embedded.vector,
        executor,
        hydrator,
        clock,
        in_pieces=True,
        floor=relevance_floor(model),
        rerank=reranking,
    )


def _meta(asked: _Asked, page: SearchPage[SharedHit[VerifiedHit]], clock: StageClock) -> QueryMeta:
    shares = list(asked.shares.values())
    indexers = [share.indexer for share in shares]
    pending = sum(indexer.pending for indexer in indexers)
    models = {id(share.indexer.model): share.indexer.model for share in shares}
    notices = [
        *([page.notice] if page.notice else []),
        *asked.notices,
        *(model.notice for model in models.values() if model.notice),
    ]
    ready = all(share.indexer.model.ready for share in shares if share.same_model)
    return QueryMeta.model_validate(
        {
            "status": "fresh" if pending == 0 and asked.proven else "stale",
            "projects": list(asked.shares),
            "tier": page.tier(model_ready=ready),
            "vector_coverage": round(page.candidates.model_coverage, 4),
            "pending_files": pending,
            "relocated_hits": sum(share.hydrator.relocated for share in shares),
            "stale_hits_dropped": sum(share.hydrator.stale_dropped for share in shares),
            "notice": " ".join(dict.fromkeys(notices)) or None,
            "took_ms": clock.took,
        }
    )


def _hit(asked: _Asked, shared: SharedHit[VerifiedHit], *, explain: bool) -> Hit:
    project = asked.shares[shared.name].indexer.project
    hit = wire_hit(shared.hit, explain=explain)
    return hit.model_copy(update={"project_id": project.project_id, "project": project.name})
