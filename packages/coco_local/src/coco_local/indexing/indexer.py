"""Project indexer: keeps one index of a project in step with its directory.

Two callers: the worker thread, which works through the backlog (`step`), and a query, which first
brings in what changed a moment ago (`Backlog.sync`, `catch_up`), so that it never answers from an
index that is older than the disk. Both may take up the same file; of two writes the later read
wins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from coco_core.errors import CocoError, StoreBroken
from coco_local.index.project import ProjectIndex
from coco_local.indexing.backlog import Backlog
from coco_local.indexing.changes import ProjectChanges
from coco_local.indexing.context import IndexContext, IndexCoordinator
from coco_local.indexing.embedding_queue import Priority
from coco_local.indexing.feed import ProjectFeed
from coco_local.indexing.file_indexer import FileIndexer
from coco_local.indexing.flush_policy import FlushPolicy
from coco_local.indexing.project_jobs import ProjectJobs
from coco_local.monitoring.jobs import Job
from coco_local.scan import ProjectScan
from coco_local.source.reader import SourceReader
from coco_local.store.projects import Project
from coco_local.watch import WatchState
from coco_protocol.projects import IndexState

__all__ = ["ProjectIndexer"]

# The longest that a step takes; at the daemon's stop its thread was waited for already.
_CLOSE_SECONDS = 0.5

# Jobs in their embedding stage are looked at a few times a second.
_JOB_SECONDS = 0.25


class ProjectIndexer:
    """One index of a project: its state, what is pending, and the work on it."""

    def __init__(
        self,
        project: Project,
        index: ProjectIndex,
        scan: ProjectScan,
        feed: ProjectFeed,
        *,
        context: IndexContext,
        coordinator: IndexCoordinator[ProjectIndexer],
    ) -> None:
        self.project = project
        self.index = index
        self.model = context.models.of(index.config.embedding, index.memory.matrix.dimension)
        self.reader = SourceReader(project.root, context.settings.max_file_bytes)
        self.files = FileIndexer(
            project,
            index,
            scan,
            context.settings,
            context.activity,
            chunk_sources=lambda: [source.files for source in coordinator.chunk_sources(self)],
            tokenizer=lambda: context.models.tokenizer(index.config.embedding),
        )
        self.files_total = 0
        self.indexed_at = project.indexed_at
        self.error: str | None = None
        self.secondary = False
        """Another index of the project is the active one."""
        self._context = context
        self._coordinator = coordinator
        self.backlog = Backlog(
            ProjectChanges(project, feed, self.files, context.settings, context.wake),
            context.settings.rescan_seconds,
            context.wake,
        )
        self._jobs = ProjectJobs()
        self._stepping = threading.Lock()
        self._loaded = False
        self._closed = False
        self._scanning = False
        self._flush_policy = FlushPolicy(index)

    # --- what is known -------------------------------------------------------------------------

    @property
    def config_id(self) -> str:
        """The indexing config of this index; others of equal content may name it, too."""
        return self.index.config.config_id

    @property
    def scan(self) -> ProjectScan:
        """The rules of what is indexed."""
        return self.files.scan

    @property
    def pending(self) -> int:
        """Files that are known to differ from the index."""
        return len(self.backlog)

    @property
    def watch(self) -> WatchState:
        """How changes of the directory are noticed."""
        return self.backlog.changes.state

    @property
    def state(self) -> IndexState:
        """What the index is doing."""
        if self.error is not None:
            return "error"
        if not self.project.root.is_dir():
            return "missing"
        if not self._loaded or self._scanning or self.backlog.rescan_wanted:
            return "scanning"
        if self.backlog:
            return "indexing"
        if self._embedding:
            return "embedding"
        return "ready" if self.index.memory.documents else "empty"

    @property
    def _embedding(self) -> bool:
        # An index that is built to be compared needs its vectors.
        expected = self.model.ready or (self.secondary and self.model.coming)
        return expected and self._context.embeddings.waiting(self)

    # --- asking for work -----------------------------------------------------------------------

    def request_rescan(self, job: Job | None = None) -> None:
        """Compare the whole directory with the index at the next opportunity."""
        self.backlog.request_rescan()
        if job is not None:
            self._jobs.add(job)

    # --- for a query ---------------------------------------------------------------------------

    def catch_up(self, doc_ids: Sequence[str] | None, seconds: float) -> None:
        """Index pending files now, for at most ``seconds``; None means all that are pending."""
        deadline = time.monotonic() + seconds
        pending = self.backlog.files
        left = wanted = pending.all() if doc_ids is None else doc_ids
        while left and time.monotonic() < deadline:
            try:
                self._index(left[:1], Priority.CHANGED)
            except StoreBroken as error:
                # The answer comes from what is there; the file stays pending, and meta shows it.
                self.failed(error)
                break
            left = left[1:]
            if not left and pending.wait_idle(wanted, deadline - time.monotonic()):
                # A worker that yielded released files that it had not looked at.
                left = wanted = pending.among(wanted)
        self.backlog.notify_worker()

    def embed_first(self, doc_ids: Iterable[str]) -> None:
        """Move documents that stood in an answer without vectors to the front."""
        without = [d for d in doc_ids if self.index.memory.without_vector(d)]
        if without:
            self._context.embeddings.put(self, without, Priority.REQUESTED)

    # --- for the worker ------------------------------------------------------------------------

    def step(self) -> bool:
        """Do one slice of background work; False when there is nothing to do."""
        with self._stepping:
            if self._closed or self._context.stopping.is_set():
                return False
            return self._step()

    def _step(self) -> bool:
        now = time.monotonic()
        backlog = self.backlog
        worked = True
        if not self._loaded:
            if worked := not self._coordinator.should_defer(self, loading=True):
                self._load()
        elif backlog.rebuild_wanted:
            self._rebuild()
        elif backlog.is_rescan_due(now):
            self._rescan()
        elif backlog.changes.due(now):
            backlog.collect_changes()
        elif backlog.is_handed_over:
            if worked := not self._coordinator.should_defer(self, loading=False):
                self._work_slice()
        else:
            backlog.rest()
            self._settle_jobs()
            worked = False
            if self.index.needs_checkpoint and not (backlog or self._embedding):
                self.index.save_checkpoint()
        worked |= self._flush_policy.flush_if_due(now)
        self.error = None
        return worked

    def due_in(self, now: float) -> float | None:
        """Return the seconds until the next thing to do."""
        due = [self.backlog.due_in(now)]
        if self._jobs:
            due.append(_JOB_SECONDS)
        if (flush := self._flush_policy.due_in(now)) is not None:
            due.append(flush)
        return max(0.0, min(due))

    def failed(self, error: Exception) -> None:
        """Called when a step raised: it is shown, its jobs end, and it is tried again later."""
        name = "" if isinstance(error, CocoError) else f"{type(error).__name__}: "
        self.error = f"{name}{error}"
        self._context.activity.log("error", f"{self.project.name}: {self.error}")
        self._jobs.fail(self.error)

    def close(self) -> None:
        """Stop watching, flush and let go; a step in hand is waited for, within bounds."""
        self._closed = True
        if self._stepping.acquire(timeout=_CLOSE_SECONDS):
            self._stepping.release()
        self.backlog.changes.stop()
        for queue in (self._context.statics, self._context.embeddings):
            queue.forget(self)
        self._jobs.cancel("The daemon stopped, or the project was forgotten.")
        if self._loaded:
            self.index.close()

    def on_embedded(self, computed: int, reused: int) -> None:
        """Count vectors for the running jobs."""
        if computed:
            self._jobs.count("embedded", computed)
        if reused:
            self._jobs.count("reused", reused)

    # --- steps ---------------------------------------------------------------------------------

    def _load(self) -> None:
        # Watching comes first: what changes while the index is loaded must not be missed.
        self.backlog.changes.start()
        self.index.load()
        self.files_total = len(documents := self.index.memory.documents)
        self._loaded = True
        newest = sorted(documents, key=lambda d: documents[d].document.mtime_ns, reverse=True)
        self._embed(newest, self._backlog_priority)

    @property
    def _backlog_priority(self) -> int:
        return Priority.SECONDARY if self.secondary else Priority.BULK

    def _rebuild(self) -> None:
        self.backlog.rebuild_wanted = False
        self.index.clear()
        self.backlog.request_rescan()

    def _rescan(self) -> None:
        # In this order: a project that looks idle for a moment would pass for one that is done.
        self._scanning = True
        self.backlog.begin_rescan()
        self._jobs.enter("scanning")
        try:
            if not self.project.root.is_dir():
                self._jobs.fail(f"The directory {str(self.project.root)!r} is not there.")
                self.backlog.end_rescan(None)
                return
            listing = self.backlog.changes.list_files()
            self.files_total = len(listing.files)
            gone = [d for d in list(self.index.memory.documents) if d not in listing.files]
            self.backlog.end_rescan([*gone, *self.files.differing(listing)])
        finally:
            self._scanning = False
        self._jobs.enter("indexing", len(self.backlog))

    def _work_slice(self) -> None:
        # Nothing is claimed while the worker yields: a query may wait for what it has claimed.
        self._context.gate.wait_until_idle()
        names = self.backlog.next_slice()
        self._index(names, self._backlog_priority, self._should_yield)
        self.index.memory.postings.settle()
        self._jobs.advance(len(self.backlog), names[0] if names else "")

    def _should_yield(self) -> bool:
        return self._context.gate.is_busy() or self._context.stopping.is_set()

    def _index(
        self,
        doc_ids: Sequence[str],
        priority: int,
        should_yield: Callable[[], bool] = lambda: False,
    ) -> None:
        if not (claimed := self.backlog.files.claim(doc_ids)):
            return
        done: list[str] = []
        try:
            found = self.files.index(list(claimed), should_yield)
            done = found.doc_ids
        finally:
            self.backlog.files.release(claimed, done=done)
        self._jobs.count("copied", found.copied)
        self._jobs.count("parsed", len(found.written) - found.copied)
        self._embed(found.written, priority)

    def _embed(self, doc_ids: Sequence[str], priority: int) -> None:
        if self.model.static:
            self._context.statics.put(self, doc_ids, priority)
        self._context.embeddings.put(self, doc_ids, priority)

    def _settle_jobs(self) -> None:
        """Move jobs on from indexing to embedding and to their end."""
        self._jobs.drop_cancelled()
        if not self._jobs:
            return
        memory = self.index.memory
        if self._embedding:
            self._jobs.enter("embedding", memory.chunk_count)
            self._jobs.advance(memory.chunk_count - memory.embedded_count, "")
            return
        self.indexed_at = time.time()
        self._coordinator.record_indexed(self, self.indexed_at)
        self._jobs.finish(
            files=len(memory.documents),
            chunks=memory.chunk_count,
            skipped=len(self.files.skipped),
            # Also where there was nothing to do.
            **dict.fromkeys(("parsed", "copied", "embedded", "reused"), 0),
        )
