"""Backlog of an index: what has to be done for it to be as the disk is, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from coco_local.indexing.changes import ProjectChanges
from coco_local.indexing.pending_files import PendingFiles

__all__ = ["Backlog"]

# Files of one slice of background work: one transaction, and a tenth of a second between two looks
# at what is more urgent.
_SLICE = 24


class Backlog:
    """Pending files, a rescan or a rebuild, from the watcher, queries and users; thread-safe.

    A query takes changes from the watcher and works on them itself; what it leaves it hands over to
    the worker.
    """

    def __init__(
        self, changes: ProjectChanges, rescan_seconds: float, wake: Callable[[], None]
    ) -> None:
        """Describe what is to be done: at first a rescan.

        Args:
            changes: where changed files come from.
            rescan_seconds: between two comparisons of the whole directory.
            wake: wakes the worker.
        """
        self.changes = changes
        self.files = PendingFiles()
        """Files that are known to differ from the index."""
        self.rescan_wanted = True
        self.rebuild_wanted = False
        self._rescan_seconds = rescan_seconds
        self._next_rescan = time.monotonic() + rescan_seconds
        self._wake = wake
        self._taking = threading.Lock()
        self._query = threading.Lock()
        self._scanned = threading.Event()
        self._handed_over = False

    def __len__(self) -> int:
        return len(self.files)

    @property
    def is_large(self) -> bool:
        """More files are pending than one slice of work takes."""
        return len(self.files) > _SLICE

    # --- for users and queries -----------------------------------------------------------------

    def request_rescan(self) -> None:
        """Compare the whole directory with the index at the next opportunity."""
        self.rescan_wanted = True

    def request_rebuild(self) -> None:
        """Forget the whole index at the next opportunity; a rescan builds it anew."""
        self.rebuild_wanted = True

    def report_stale(self, doc_ids: Collection[str]) -> None:
        """Take up files that an answer found to differ from the index."""
        if doc_ids:
            self.files.add(doc_ids)
            self.notify_worker()

    def notify_worker(self) -> None:
        """Let the worker take up whatever is pending; a query has taken it from the watcher."""
        with self._taking:
            if not self.files:
                return
            self._handed_over = True
        self._wake()

    def wait_scanned(self, timeout: float) -> bool:
        """Wait until the stored index is in memory and was compared with the disk."""
        return self._scanned.wait(timeout)

    def sync(self) -> bool:
        """Take up every change that was made before this call; False when that is not certain."""
        proven = self.changes.sync()
        self._take_changes()
        return proven

    @contextmanager
    def try_lock(self) -> Iterator[bool]:
        """Yield whether no other query is at work on the pending files."""
        mine = self._query.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine:
                self._query.release()

    # --- for the worker ------------------------------------------------------------------------

    def is_rescan_due(self, now: float) -> bool:
        """Whether a rescan was requested, or the last one is long ago."""
        return self.rescan_wanted or now >= self._next_rescan

    def begin_rescan(self) -> None:
        """Count from now to the next rescan."""
        self.rescan_wanted = False
        self._next_rescan = time.monotonic() + self._rescan_seconds

    def end_rescan(self, differing: Collection[str] | None) -> None:
        """Take up what differs from the index; None when the directory is not there.

        Queries need not wait for a directory: nothing will be found until it is back.
        """
        if differing is not None:
            self.files.add(differing)
            self._handed_over = True
        self._scanned.set()

    def collect_changes(self) -> None:
        """Take up changes of the watcher for the worker itself."""
        self._take_changes()
        self._handed_over = True

    def next_slice(self) -> list[str]:
        """Return the files of the next slice of work."""
        return self.files.first(_SLICE)

    @property
    def is_handed_over(self) -> bool:
        """Whether files are pending that the worker shall take up."""
        return self._handed_over and bool(self.files)

    def rest(self) -> None:
        """Leave what comes from now on to the next hand-over, when nothing is pending."""
        with self._taking:
            # A query may hand over files between the look and the change.
            self._handed_over = bool(self.files) and self._handed_over

    def due_in(self, now: float) -> float:
        """Return the seconds until changes or a rescan are due."""
        change = self.changes.due_in(now)
        rescan = self._next_rescan - now
        return rescan if change is None else min(rescan, change)

    def _take_changes(self) -> None:
        # Together, so that a query finds what the worker took either here or among the pending.
        with self._taking:
            changed = self.changes.take()
            if changed is not None:
                self.files.add(changed)
                return
            # A storm, or new rules: only a listing shows what is different now.
            self._scanned.clear()
            self.rescan_wanted = True
        self._wake()
