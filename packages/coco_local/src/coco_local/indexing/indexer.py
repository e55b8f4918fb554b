"""Keeping one index of a project in step with its directory.

Two callers: the worker thread, which works through what is pending in the background (`step`), and
a query, which first brings in what changed a moment ago (`sync`, `catch_up`), so that it never
answers from an index that is older than the disk. Both may take up the same file; of two writes the
later read wins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from coco_core.errors import CocoError, StoreBroken
from coco_local.index.project import ProjectIndex
from coco_local.indexing.changes import ProjectChanges
from coco_local.indexing.context import IndexContext, IndexCoordinator
from coco_local.indexing.embedding_queue import Priority
from coco_local.indexing.feed import ProjectFeed
from coco_local.indexing.file_indexer import FileIndexer
from coco_local.indexing.flush_policy import FlushPolicy
from coco_local.indexing.pending_files import PendingFiles
from coco_local.indexing.project_jobs import ProjectJobs
from coco_local.monitoring.jobs import Job
from coco_local.scan import ProjectScan
from coco_local.source.reader import SourceReader
from coco_local.store.projects import Project
from coco_local.watch import WatchState
from coco_protocol.projects import IndexState

__all__ = ["ProjectIndexer"]

# Files of one slice of background work: one transaction, and a tenth of a second between two looks
# at what is more urgent.
_SLICE = 24

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
        self.pending_files = PendingFiles()
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
        self._changes = ProjectChanges(project, feed, self.files, context.settings, context.wake)
        self._jobs = ProjectJobs()
        self._stepping = threading.Lock()
        self._taking = threading.Lock()
        self._pending_lock = threading.Lock()
        self._loaded = threading.Event()
        self._scanned = threading.Event()
        self._closed = False
        self._scanning = False
        self._rescan_wanted = True
        self._rebuild_wanted = False
        self._pending_wanted = False
        self._next_rescan = time.monotonic() + context.settings.rescan_seconds
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
        return len(self.pending_files)

    @property
    def watch(self) -> WatchState:
        """How changes of the directory are noticed."""
        return self._changes.state

    @property
    def has_backlog(self) -> bool:
        """More files are pending than one slice of work takes."""
        return len(self.pending_files) > _SLICE

    @property
    def state(self) -> IndexState:
        """What the index is doing."""
        if self.error is not None:
            return "error"
        if not self.project.root.is_dir():
            return "missing"
        if not self._loaded.is_set() or self._scanning or self._rescan_wanted:
            return "scanning"
        if self.pending_files:
            return "indexing"
        if self._embedding:
            return "embedding"
        return "ready" if self.index.memory.documents else "empty"

    @property
    def _embedding(self) -> bool:
        # Whoever builds an index to compare it wants its vectors.
        expected = self.model.ready or (self.secondary and self.model.coming)
        return expected and self._context.embeddings.waiting(self)

    # --- asking for work -----------------------------------------------------------------------

    def request_rescan(self, job: Job | None = None) -> None:
        """Compare the whole directory with the index at the next opportunity."""
        self._rescan_wanted = True
        if job is not None:
            self._jobs.add(job)

    def request_rebuild(self) -> None:
        """Forget the whole index at the next opportunity; a rescan builds it anew."""
        self._rebuild_wanted = True

    def use_nested_roots(self, nested_roots: frozenset[Path]) -> None:
        """Leave out the projects that are registered inside this one."""
        self.scan.set_nested_roots(nested_roots)
        self.request_rescan()

    def report_stale(self, doc_ids: Collection[str]) -> None:
        """Take up files that an answer found to differ from the index."""
        if doc_ids:
            self.pending_files.add(doc_ids)
            self.notify_worker()

    def notify_worker(self) -> None:
        """Let the worker take up whatever is pending; a query has taken it from the watcher."""
        with self._taking:
            if not self.pending_files:
                return
            self._pending_wanted = True
        self._context.wake()

    # --- for a query ---------------------------------------------------------------------------

    def wait_scanned(self, timeout: float) -> bool:
        """Wait until the stored index is in memory and was compared with the disk."""
        return self._scanned.wait(timeout)

    def sync(self) -> bool:
        """Take up every change that was made before this call; False when that is not certain."""
        proven = self._changes.sync()
        self._take_changes()
        return proven

    def catch_up(self, doc_ids: Sequence[str] | None, seconds: float) -> None:
        """Index pending files now, for at most ``seconds``; None means all that are pending."""
        deadline = time.monotonic() + seconds
        left = wanted = self.pending_files.all() if doc_ids is None else doc_ids
        while left and time.monotonic() < deadline:
            try:
                self._index(left[:1], Priority.CHANGED)
            except StoreBroken as error:
                # The answer comes from what is there; the file stays pending, and meta shows it.
                self.failed(error)
                break
            left = left[1:]
            if not left and self.pending_files.wait_idle(wanted, deadline - time.monotonic()):
                # A worker that yielded released files that it had not looked at.
                left = wanted = self.pending_files.among(wanted)
        self.notify_worker()

    @contextmanager
    def try_lock_pending(self) -> Iterator[bool]:
        """Yield whether no other query is at work on the pending files of this project."""
        mine = self._pending_lock.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine:
                self._pending_lock.release()

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
        worked = True
        if not self._loaded.is_set():
            if worked := not self._coordinator.should_defer(self, loading=True):
                self._load()
        elif self._rebuild_wanted:
            self._rebuild()
        elif self._rescan_wanted or now >= self._next_rescan:
            self._rescan()
        elif self._changes.due(now):
            self._take_changes()
            self._pending_wanted = True
        elif self._pending_wanted and self.pending_files:
            if worked := not self._coordinator.should_defer(self, loading=False):
                self._work_slice()
        else:
            with self._taking:
                # A query may hand over files between the look and the change.
                self._pending_wanted = bool(self.pending_files) and self._pending_wanted
            self._settle_jobs()
            worked = False
            if self.index.needs_checkpoint and not (self.pending_files or self._embedding):
                self.index.save_checkpoint()
        worked |= self._flush_policy.flush_if_due(now)
        self.error = None
        return worked

    def due_in(self, now: float) -> float | None:
        """Return the seconds until the next thing to do."""
        due = [self._next_rescan - now]
        if (change := self._changes.due_in(now)) is not None:
            due.append(change)
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
        self._changes.stop()
        for queue in (self._context.statics, self._context.embeddings):
            queue.forget(self)
        self._jobs.cancel("The daemon stopped, or the project was forgotten.")
        if self._loaded.is_set():
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
        self._changes.start()
        self.index.load()
        self.files_total = len(documents := self.index.memory.documents)
        self._loaded.set()
        newest = sorted(documents, key=lambda d: documents[d].document.mtime_ns, reverse=True)
        self._embed(newest, self._backlog_priority)

    @property
    def _backlog_priority(self) -> int:
        return Priority.SECONDARY if self.secondary else Priority.BULK

    def _rebuild(self) -> None:
        self._rebuild_wanted = False
        self.index.clear()
        self._rescan_wanted = True

    def _rescan(self) -> None:
        # In this order: a project that looks idle for a moment would pass for one that is done.
        self._scanning = True
        self._rescan_wanted = False
        self._next_rescan = time.monotonic() + self._context.settings.rescan_seconds
        self._jobs.enter("scanning")
        try:
            if not self.project.root.is_dir():
                self._jobs.fail(f"The directory {str(self.project.root)!r} is not there.")
                # A query need not wait: nothing will be found until the directory is back.
                self._scanned.set()
                return
            listing = self.files.list_files()
            self.files_total = len(listing.files)
            gone = [d for d in list(self.index.memory.documents) if d not in listing.files]
            self.pending_files.add([*gone, *self.files.differing(listing)])
        finally:
            self._scanning = False
        self._pending_wanted = True
        self._scanned.set()
        self._jobs.enter("indexing", len(self.pending_files))

    def _take_changes(self) -> None:
        # Together, so that a query finds what the worker took either here or among the pending.
        with self._taking:
            changed = self._changes.take()
            if changed is not None:
                self.pending_files.add(changed)
                return
            # A storm, or new rules: only a listing shows what is different now.
            self._scanned.clear()
            self._rescan_wanted = True
        self._context.wake()

    def _work_slice(self) -> None:
        # Nothing is claimed while the worker yields: a query may wait for what it has claimed.
        self._context.gate.wait_until_idle()
        names = self.pending_files.first(_SLICE)
        self._index(names, self._backlog_priority, self._should_yield)
        self.index.memory.postings.settle()
        self._jobs.advance(len(self.pending_files), names[0] if names else "")

    def _should_yield(self) -> bool:
        return self._context.gate.is_busy() or self._context.stopping.is_set()

    def _index(
        self,
        doc_ids: Sequence[str],
        priority: int,
        should_yield: Callable[[], bool] = lambda: False,
    ) -> None:
        if not (claimed := self.pending_files.claim(doc_ids)):
            return
        done: list[str] = []
        try:
            found = self.files.index(list(claimed), should_yield)
            done = found.doc_ids
        finally:
            self.pending_files.release(claimed, done=done)
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
