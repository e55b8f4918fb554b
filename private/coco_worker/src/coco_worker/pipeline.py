"""Ingest job: reads, chunks, embeds, and writes items by batches, then seals the version."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import structlog

from coco_core.configs import IndexingConfig
from coco_core.errors import InvalidConfig, InvalidInput, VersionConflict
from coco_embed.budget import EmbeddingBudget
from coco_embed.resolver import ClosableEmbedder, Embedders
from coco_server.jobs import queue, rejections, sources
from coco_server.jobs.payload import IngestPayload
from coco_server.jobs.records import COMPACT
from coco_server.jobs.rejections import StoredRejection
from coco_server.store import chunks, orgs, sealing, segments, usage, versions
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database, TenantSession
from coco_server.store.usage import Quotas
from coco_server.store.vectors import PgVectors, VectorStore
from coco_worker import merge, metrics
from coco_worker.activation import activate_unless_held
from coco_worker.batch import Batch, batches
from coco_worker.chunked_item import UNCHANGED, ChunkedItem, chunk_item, embedding_texts
from coco_worker.compact import compact, enqueue_if_due
from coco_worker.counts import Counts
from coco_worker.items.heads import DocumentHeads
from coco_worker.items.item import Deletion, Item, ItemLimits, Outcome, Rejection
from coco_worker.items.read import read_items
from coco_worker.leased_job import LeasedJob
from coco_worker.replay import replay
from coco_worker.reuse import EarlierWork, windows
from coco_worker.rule import JobRules, apply_rule

if TYPE_CHECKING:
    from coco_core.wasm.rules import TextRule

__all__ = ["IngestDeps", "ItemRejected", "ingest"]

log = structlog.get_logger(__name__)

# Followers see progress twice a second; every event is a row.
_EVENT_SECONDS = 0.5


class ItemRejected(InvalidInput):
    """An item was rejected and the job was told to fail then."""

    def __init__(self, rejection: Rejection) -> None:
        # A job is shown to keys that may not see every document: the reason may name one.
        super().__init__(
            f"Item {rejection.index} was rejected ({rejection.reason.value}).",
            hint="GET /v1/jobs/{id}/rejections says why. Fix it and send the import again, or "
            "send it with on_error 'skip'.",
            details={"item": rejection.index, "code": rejection.reason.value},
        )
        self.rejection = rejection


@dataclass(frozen=True, slots=True)
class IngestDeps:
    """What every job of a worker is done with."""

    database: Database
    blobs: BlobStore
    embedders: Embedders
    quotas: Callable[[Mapping[str, Any]], Quotas]
    """From what an org has of its own to what it may hold and use."""
    content_bytes: int = 8_388_608
    """Longest text of one item."""
    embed_timeout: float = 1800.0
    """Seconds for one request to an embedding server."""
    embed_waiting: float = 600.0
    """Seconds that one job may wait between requests, all together."""
    vectors: VectorStore = field(default_factory=PgVectors)
    """Where vectors are kept."""
    build_helpers: int | None = None
    """Processes of the database that help to build an index; None leaves it to the database."""


def ingest(leased: LeasedJob, deps: IngestDeps) -> None:
    """Do a job to its end; what an earlier attempt committed is not done again.

    Raises:
        JobInterrupted: the job was cancelled, lost, or the worker stops.
        ItemRejected: an item was rejected under ``on_error: fail``.
        CocoError: the import, the config or something outside does not allow it.
    """
    if leased.job.kind == COMPACT:
        compact(leased, deps.database, deps.vectors, deps.build_helpers)
        return
    while True:
        with ExitStack() as opened:
            if _Build(leased, deps, opened).run():
                return


class _Build:
    def __init__(self, leased: LeasedJob, deps: IngestDeps, opened: ExitStack) -> None:
        job = leased.job
        self._leased = leased
        self._deps = deps
        self._opened = opened
        self._payload = IngestPayload.from_dict(job.payload)
        self._rules = JobRules(deps.database, deps.blobs, job.org_id, leased.check)
        plan = self._payload.plan
        plan.require_known(())
        if plan.include or plan.exclude:
            raise InvalidConfig(
                "The plan has path globs, but an import is what was sent.",
                hint="Leave out what shall not be indexed before it is sent.",
            )
        self._config: IndexingConfig = plan.config
        self._merges = self._payload.mode == "merge"
        if job.version_id is None and not self._merges:
            raise InvalidConfig(f"The job {job.job_id!r} names no version to build.")
        with self._session() as session:
            self._version = (
                merge.begin(session, leased, self._config, Counts())
                if job.version_id is None
                else versions.get(session, job.project_id, job.version_id)
            )
            self._quotas = deps.quotas(orgs.get(session, job.org_id).limits)
        self._embedder: ClosableEmbedder | None = None
        self._earlier = EarlierWork(
            self._session, job.project_id, self._config, vectors=deps.vectors.in_database
        )
        self._counts = Counts.of(self._leased.job.checkpoint)
        self._deleted = set(self._payload.deletes)
        self._last_event = 0.0

    def run(self) -> bool:
        """Build the version; False if a merge must begin again from another one."""
        for batch in batches(self._outcomes()):
            self._leased.check()
            embedded = self._embed(batch)
            self._leased.check()
            self._write(batch, embedded)
        self._leased.check()
        try:
            self._complete()
        except merge.BaseChanged:
            with self._session() as session:
                merge.begin_again(session, self._leased, self._version, self._config, self._counts)
            return False
        return True

    def _session(self) -> AbstractContextManager[TenantSession]:
        return self._deps.database.tenant(self._leased.job.org_id)

    # --- reading and cutting -------------------------------------------------------------------

    def _outcomes(self) -> Iterator[tuple[int, ChunkedItem | Deletion | Rejection]]:
        payload = self._payload
        limits = ItemLimits(
            dimension=self._version.dimension,
            content_bytes=self._deps.content_bytes,
            deletions=self._merges,
            rule=payload.wasm_module_ref,
        )
        rule = self._rules.load(payload.wasm_module_ref)
        tokenizer = None
        if self._config.chunking.strategy_name == "fixed_token":
            # Sizes are promised in the model's own tokens; elsewhere an estimate does, and is
            # twenty times as fast.
            tokenizer = self._deps.embedders.tokenizer(self._config.embedding)
        heads = DocumentHeads()
        for window in windows(self._unwritten(self._items(limits), rule, heads)):
            same = self._earlier.unchanged(window, self._version.parts[:-1]) - self._deleted
            known = self._earlier.documents(each for each in window if each.doc_id not in same)
            for outcome in window:
                self._leased.check()
                if isinstance(outcome, Item) and outcome.doc_id in same:
                    yield outcome.index, UNCHANGED
                    continue
                before = known.get(outcome.doc_id)
                ruled: Outcome = outcome
                if isinstance(outcome, Item) and rule and before is None:
                    ruled = heads.after_rule(outcome, apply_rule(rule, outcome))
                if isinstance(ruled, Item):
                    yield ruled.index, chunk_item(ruled, self._config.chunking, tokenizer, before)
                elif isinstance(ruled, Rejection) and payload.on_error == "fail":
                    raise ItemRejected(ruled)
                else:
                    yield ruled.index, ruled

    def _items(self, limits: ItemLimits) -> Iterator[Outcome]:
        job, payload, blobs = self._leased.job, self._payload, self._deps.blobs
        if not payload.sources:
            file = self._opened.enter_context(blobs.open(job.org_id, payload.blob_ref))
            return read_items(file, payload.format, limits, self._leased.check)
        with self._session() as session:
            known = sources.jobs_of(session, payload.sources)
        if len(known) < len(payload.sources):
            raise InvalidInput(
                "An import that the version was made of is gone.", hint="Import the items again."
            )
        imports = [IngestPayload.from_dict(each.payload) for each in known]
        return replay(self._rules, imports, limits)

    def _unwritten(
        self, outcomes: Iterator[Outcome], rule: TextRule | None, heads: DocumentHeads
    ) -> Iterator[Outcome]:
        """Yield what comes behind the checkpoint, having read ids that may come again."""
        for outcome in outcomes:
            self._leased.check()
            if isinstance(outcome, Deletion):
                self._deleted.add(outcome.doc_id)
            if outcome.index >= self._counts.items:
                yield outcome
            elif rule and isinstance(outcome, Item) and heads.brought_by(outcome):
                heads.after_rule(outcome, apply_rule(rule, outcome))

    # --- embedding -----------------------------------------------------------------------------

    def _embed(self, batch: Batch) -> int:
        """Give every chunk a vector; returns how many were embedded for it."""
        missing = [place for place, chunk in enumerate(batch.chunks) if chunk.vector is None]
        for place, chunk in zip(
            missing,
            self._earlier.with_vectors([batch.chunks[place] for place in missing]),
            strict=True,
        ):
            batch.chunks[place] = chunk
        wanted = len(missing)
        missing = [place for place in missing if batch.chunks[place].vector is None]
        batch.reused += wanted - len(missing)
        if not missing:
            return 0
        embedder = self._open_embedder()
        with self._session() as session:
            # Before they are sent, so that imports that run at once cannot pass the quota together.
            usage.hold_embeddings(session, self._quotas, self._version.version_id, len(missing))
        texts = embedding_texts([batch.chunks[place] for place in missing])
        with metrics.STAGE_SECONDS.labels("embed").time():
            vectors = embedder.embed_documents(texts)
        for place, vector in zip(missing, vectors, strict=True):
            batch.chunks[place] = replace(batch.chunks[place], vector=vector)
        return len(missing)

    def _open_embedder(self) -> ClosableEmbedder:
        if self._embedder is None:
            budget = EmbeddingBudget(waiting_seconds=self._deps.embed_waiting)
            embedder = self._deps.embedders.open(
                self._config.embedding, budget=budget, timeout=self._deps.embed_timeout
            )
            self._opened.callback(embedder.close)
            if embedder.dimension != self._version.dimension:
                raise InvalidConfig(
                    f"The config {self._config.config_id!r} was registered for vectors of "
                    f"{self._version.dimension} numbers; {embedder.name!r} gives "
                    f"{embedder.dimension}.",
                    hint="Register a config for the model that this worker has.",
                )
            # A request may take half an hour; whoever cancels the job shall not wait for it.
            self._leased.on_interrupt(embedder.close)
            self._embedder = embedder
        return self._embedder

    # --- writing -------------------------------------------------------------------------------

    def _write(self, batch: Batch, embedded: int) -> None:
        job = self._leased.job
        counts = self._counts.after(batch, embedded=embedded)
        with metrics.STAGE_SECONDS.labels("write").time(), self._session() as session:
            for documents, rows, items in batch.slices():
                chunks.append(
                    session,
                    self._version,
                    documents,
                    rows,
                    items=items,
                    quotas=self._quotas,
                    vectors=self._deps.vectors,
                )
                segments.remove_documents(
                    session, self._version, [each.doc_id for each in documents]
                )
            segments.remove_documents(session, self._version, batch.deletions)
            usage.count(session, self._quotas, items=batch.items)
            usage.use_held(session, self._version.version_id, embedded)
            rejections.add(
                session,
                job.job_id,
                [_row(each) for each in batch.rejections],
                before=self._counts.rejected,
            )
            queue.progress(
                session,
                job,
                done=counts.items,
                checkpoint=counts.to_dict(),
                stage="ingest",
                event=counts.event("ingest") if self._event_due() else None,
            )
        self._counts = counts
        _count(batch)

    def _event_due(self) -> bool:
        now = time.monotonic()
        if now - self._last_event < _EVENT_SECONDS:
            return False
        self._last_event = now
        return True

    def _complete(self) -> None:
        leased, job, counts = self._leased, self._leased.job, self._counts
        with self._session() as session:
            # A document that is both sent and deleted is replaced.
            segments.remove_documents(session, self._version, self._payload.deletes)
            sources.record(session, self._version, self._payload, job.job_id)
            counted = versions.get(session, job.project_id, self._version.version_id)
            queue.progress(
                session,
                job,
                done=counts.items,
                total=counts.items,
                checkpoint=counts.to_dict(),
                stage="seal",
                event=counts.event("seal"),
            )
        if not (counted.chunk_count or self._deleted or counts.unchanged):
            raise InvalidInput(
                f"None of the {counts.items} items could be indexed; no version changed.",
                hint="The job's list of rejected items says why.",
            )
        leased.check()
        with metrics.STAGE_SECONDS.labels("seal").time(), self._session() as session:
            if self._merges and self._payload.activate:
                merge.check_base(session, self._version)
            ready = sealing.seal(
                session,
                self._version,
                vectors=self._deps.vectors,
                helpers=self._deps.build_helpers,
            )
            try:
                held = activate_unless_held(session, ready, self._payload, self._counts)
            except VersionConflict as error:
                if self._merges:
                    raise merge.BaseChanged from error
                raise
            if self._merges:
                enqueue_if_due(session, ready)
            activated = self._payload.activate and held is None
            outcome = {"activated": activated} | ({} if held is None else {"held": held})
            queue.finish(session, job, self._result(ready) | outcome)

    def _result(self, ready: versions.Version) -> dict[str, object]:
        return {
            "version_id": ready.version_id,
            "items": self._counts.items,
            "indexed": ready.item_count,
            "rejected": self._counts.rejected,
            "rejected_by": dict(self._counts.rejected_by),
            "documents": ready.document_count,
            "chunks": ready.chunk_count,
            "parsed": self._counts.parsed,
            "embedded": self._counts.embedded,
            "reused": self._counts.reused,
            "unchanged": self._counts.unchanged,
            "vectors": ready.embedded_count,
        }


def _row(rejection: Rejection) -> StoredRejection:
    return StoredRejection(
        rejection.index, rejection.reason.value, rejection.message, rejection.doc_id or None
    )


def _count(batch: Batch) -> None:
    metrics.ITEMS.inc(batch.items)
    metrics.CHUNKS.inc(len(batch.chunks))
    for reason, number in Counter(each.reason.value for each in batch.rejections).items():
        metrics.REJECTED.labels(reason).inc(number)
