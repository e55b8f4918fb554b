"""Directory watch that all indexes of a project share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from coco_local.watch import ChangeFeed, WatchMode, WatchState

__all__ = ["Listener", "ProjectFeed"]

Listener = Callable[[set[Path]], None]
"""Called with changed paths, under the feed's lock: it must be quick, and must not sync."""

# It takes well below a millisecond unless something else wants all cores, embedding above all: an
# answer that comes later is better than one without the file that was saved just now.
_SYNC_SECONDS = 0.5


class ProjectFeed:
    """Watches while there are listeners; the system's watches are too costly for one per index."""

    def __init__(self, root: Path, cookies: Path) -> None:
        self._root = root
        self._cookies = cookies
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()
        self._feed: ChangeFeed | None = None

    @property
    def state(self) -> WatchState:
        """How changes are noticed now."""
        feed = self._feed
        return feed.state if feed is not None else WatchState(WatchMode.STOPPED)

    def join(self, listener: Listener) -> None:
        """Begin to listen: what changes after the return is delivered."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
            if self._feed is None:
                feed = ChangeFeed(self._root, self._cookies, self._deliver)
                feed.start()
                self._feed = feed

    def leave(self, listener: Listener) -> None:
        """Listen no more; the last listener ends the watch."""
        with self._lock:
            self._listeners = tuple(known for known in self._listeners if known != listener)
            if self._feed is not None and not self._listeners:
                self._feed.stop()
                self._feed = None

    def watch(self, directory: Path) -> None:
        """Deliver what changes directly in a directory from now on; called before it is listed."""
        feed = self._feed
        if feed is not None:
            feed.watch(directory)

    def listing(self) -> AbstractContextManager[None]:
        """Watch no more, at the end, what `watch` was not called for meanwhile."""
        feed = self._feed
        return nullcontext() if feed is None else feed.listing()

    def sync(self) -> bool:
        """Deliver every change that was made before this call; False when that is not certain."""
        feed = self._feed
        return feed is not None and feed.sync(_SYNC_SECONDS)

    def _deliver(self, paths: set[Path]) -> None:
        for listener in self._listeners:
            listener(paths)
