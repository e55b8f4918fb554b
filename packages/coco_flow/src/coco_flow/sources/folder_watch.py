"""Watcher of a folder: the files that changed, as the system reports them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from coco_flow.sources.change_stream import ChangeStream
from coco_flow.sources.folder_scan import FolderScan
from coco_flow.sources.folder_tree import FolderTree

__all__ = ["FolderWatch"]

log = logging.getLogger(__name__)

# A save is several events within a millisecond; a pause of one step ends a batch, so that a change
# is reported after two steps at most. A hundred polls a second take some 0.2 % of a core.
_STEP_MS = 10

# A batch of events without a pause ends after this.
_MAX_BATCH_MS = 50

# Without events everything is listed so often, and the watch is attempted again.
_POLL_SECONDS = 5.0

# A missing folder is checked so often.
_MISSING_SECONDS = 1.0


class FolderWatch(ChangeStream):
    """Yields the keys of changed files; events are gathered from the moment that it is made."""

    def __init__(self, scan: FolderScan) -> None:
        """Watch what `scan` lists."""
        super().__init__()
        self._scan = scan
        self._events: _Events | None = None
        self._tree = FolderTree(scan)
        self._establish()
        self._tree.learn()
        self._start()

    def _follow(self) -> None:
        try:
            while not self._closed.is_set():
                if self._events is None:
                    self._closed.wait(_POLL_SECONDS if self._tree.exists() else _MISSING_SECONDS)
                    self._restart()
                else:
                    self._step(self._events)
        finally:
            if self._events is not None:
                self._events.close()

    def _step(self, events: _Events) -> None:
        due = self._tree.next_look()
        try:
            changes = events.wait(due)
        except WatchfilesRustInternalError as error:
            log.warning("lost the events of %r, starting again: %s", self._scan.root, error)
            self._restart()
            return
        if self._tree.root_changed(time.monotonic()):
            self._restart()
            return
        names: Iterable[str] | None = self._tree.changed_files(changes) if changes else ()
        if names is None:
            self._tree.learn()
            self._report(None)
            return
        again = self._tree.settling(time.monotonic())
        self._report(None if again is None else [(name,) for name in sorted({*names, *again})])

    def _establish(self) -> None:
        """Ask the system for events; without them the thread polls."""
        self._tree.note_root()
        if not self._tree.exists():
            return
        try:
            self._events = _Events(self._scan.root, self._closed)
        except (OSError, RuntimeError) as error:
            log.warning(
                "%r cannot be watched, so it is listed every %g s: %s%s",
                *(self._scan.root, _POLL_SECONDS, error, _hint(str(error))),
            )

    def _restart(self) -> None:
        """Ask for events again; a listing finds what happened meanwhile."""
        if self._events is not None:
            self._events.close()
            self._events = None
        self._establish()
        self._tree.learn()
        self._report(None)


class _Events:
    """The system's events below a folder, none of them lost on the way through watchfiles.

    `RustNotify.watch` forgets events when it leaves by its timeout or by a stop event that is set.
    An exception raised by the stop event leaves immediately and forgets nothing: the only way out.
    """

    def __init__(self, root: str, closed: threading.Event) -> None:
        self._closed = closed
        self._deadline = 0.0
        try:
            self._rust = RustNotify([root], False, False, 0, True, False)
        except PermissionError:
            # Some folder may be unreadable; the listing reports which, if it is not excluded.
            self._rust = RustNotify([root], False, False, 0, True, True)

    def wait(self, deadline: float) -> set[tuple[int, str]]:
        """Return events as soon as there are any; empty at the deadline or when closed."""
        self._deadline = deadline
        try:
            changes = self._rust.watch(_MAX_BATCH_MS, _STEP_MS, 0, self)
        except _Enough:
            return set()
        # "stop" and "timeout" cannot be, "signal" only in the main thread.
        return changes if isinstance(changes, set) else set()

    def is_set(self) -> bool:
        """Called at every step of the wait."""
        if self._closed.is_set() or time.monotonic() > self._deadline:
            raise _Enough
        return False

    def close(self) -> None:
        """Stop the system's watch."""
        self._rust.close()


class _Enough(Exception):
    """Ends a wait for events."""


def _hint(message: str) -> str:
    lower = message.lower()
    if "limit" in lower or "os error 28" in lower or "no space left" in lower:
        return "; raise the limit: sudo sysctl fs.inotify.max_user_watches=524288"
    if "too many open files" in lower or "os error 24" in lower:
        return "; raise the limit: sudo sysctl fs.inotify.max_user_instances=1024"
    return ""
