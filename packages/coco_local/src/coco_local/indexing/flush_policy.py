"""Flush policy: when buffered rows are written to LanceDB."""

from __future__ import annotations

from coco_local.index.project import ProjectIndex

__all__ = ["FlushPolicy"]

# Rows that wait for LanceDB before they are flushed at once, and how long fewer may wait.
_FLUSH_ROWS = 4_000
_FLUSH_SECONDS = 5.0


class FlushPolicy:
    """Decides when the unflushed rows of one index are written."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._since: float | None = None

    def due_in(self, now: float) -> float | None:
        """Return the seconds until rows must be written; None when none wait."""
        if not self._index.unflushed:
            return None
        return (self._since or now) + _FLUSH_SECONDS - now

    def flush_if_due(self, now: float) -> bool:
        """Write to LanceDB when enough waits, or when something waits for long; True if it did."""
        if not (waiting := self._index.unflushed):
            self._since = None
            return False
        if self._since is None:
            self._since = now
        if waiting < _FLUSH_ROWS and now - self._since < _FLUSH_SECONDS:
            return False
        self._index.flush()
        self._since = None
        return True
