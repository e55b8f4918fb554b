"""Changed documents of a project, from the paths that its watcher reports."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from coco_local.indexing.feed import ProjectFeed
from coco_local.indexing.file_indexer import FileIndexer
from coco_local.scan.listing import Listing
from coco_local.settings import Settings
from coco_local.store.projects import Project
from coco_local.watch import Debouncer, WatchState

__all__ = ["ProjectChanges"]


class ProjectChanges:
    """Collects changed paths, and resolves them to documents when they are asked for."""

    def __init__(
        self,
        project: Project,
        feed: ProjectFeed,
        files: FileIndexer,
        settings: Settings,
        wake: Callable[[], None],
    ) -> None:
        self._root = project.root
        self._feed = feed
        self._files = files
        self._wake = wake
        self._lock = threading.Lock()
        self._debouncer = Debouncer(settings.debounce_ms / 1000, settings.max_lag_ms / 1000)

    @property
    def state(self) -> WatchState:
        """How changes are noticed now."""
        return self._feed.state

    def start(self) -> None:
        """Begin to watch."""
        self._feed.join(self._on_paths)

    def stop(self) -> None:
        """Stop watching."""
        self._feed.leave(self._on_paths)

    def list_files(self) -> Listing:
        """List what belongs into the index now, and watch the directories that can hold such."""
        with self._feed.listing():
            return self._files.list_files(self._feed.watch)

    def sync(self) -> bool:
        """Collect every change that was made before this call; False when that is not certain."""
        return self._feed.sync()

    def due(self, now: float) -> bool:
        """Whether collected changes should be worked on now."""
        with self._lock:
            return self._debouncer.due(now)

    def due_in(self, now: float) -> float | None:
        """Return the seconds until collected changes are due; None when there are none."""
        with self._lock:
            return self._debouncer.due_in(now)

    def take(self) -> list[str] | None:
        """Return the documents that changed; None when only a listing can show them."""
        with self._lock:
            batch = self._debouncer.take()
        if batch.storm:
            self._files.scan.refresh()
            return None
        documents: list[str] = []
        for path in batch.paths:
            # The root itself means that events may have been lost.
            if path == self._root or self._files.scan.is_rule_file(path):
                self._files.scan.refresh()
                return None
            documents += self._documents(path)
        return documents

    def _on_paths(self, paths: set[Path]) -> None:
        with self._lock:
            self._debouncer.add(paths, time.monotonic())
        self._wake()

    def _documents(self, path: Path) -> list[str]:
        doc_id = os.path.relpath(path, self._root).replace(os.sep, "/")
        if path.is_dir() and not path.is_symlink():
            listed = self._files.list_below(path, self._feed.watch)
            known = set(self._files.below(doc_id))
            found = {file.doc_id: file for file in listed}
            changed = [d for d, file in found.items() if self._files.differs(file)]
            return [*changed, *(known - found.keys())]
        if self._files.known(doc_id):
            return [doc_id]
        if path.exists():
            decision = self._files.scan.decide(path)
            self._files.note_left_out(doc_id, decision)
            return [doc_id] if decision.indexed else []
        # A directory that went away takes its documents along.
        return self._files.below(doc_id)
