"""Debouncer of changes: a save is several events, a branch switch is thousands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Batch", "Debouncer"]

# Above this, one listing of the project is cheaper than looking at every path.
_STORM_PATHS = 400


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed since the last batch."""

    paths: frozenset[Path]
    """Empty in a storm: the paths are not worth their memory."""
    storm: bool = False
    """So much changed that the whole project should be listed once."""


class Debouncer:
    """Says when changes are worth taking up. Not thread-safe; time comes from the caller."""

    __slots__ = ("_first", "_last", "_max_lag", "_paths", "_quiet", "_storm", "_storm_paths")

    def __init__(
        self, quiet: float = 0.2, max_lag: float = 2.0, storm_paths: int = _STORM_PATHS
    ) -> None:
        """Wait for ``quiet`` seconds without a change, but never longer than ``max_lag``."""
        self._quiet = quiet
        self._max_lag = max_lag
        self._storm_paths = storm_paths
        self._paths: set[Path] = set()
        self._storm = False
        self._first: float | None = None
        self._last = 0.0

    def __bool__(self) -> bool:
        return self._first is not None

    def add(self, paths: Iterable[Path], now: float) -> None:
        """Add changes that were seen now."""
        if not self._storm:
            self._paths.update(paths)
            if len(self._paths) > self._storm_paths:
                self._storm = True
                self._paths.clear()
        if self._storm or self._paths:
            self._first = now if self._first is None else self._first
            self._last = now

    def due_in(self, now: float) -> float | None:
        """Return the seconds until `take` should be called; None when nothing waits."""
        if self._first is None:
            return None
        # A storm is listed when it is over: every earlier listing would be done again.
        patience = self._max_lag * (2 if self._storm else 1)
        return max(0.0, min(self._last + self._quiet, self._first + patience) - now)

    def due(self, now: float) -> bool:
        """Tell whether the changes should be taken up now."""
        left = self.due_in(now)
        return left is not None and left <= 0

    def take(self) -> Batch:
        """Return what was gathered and start afresh."""
        batch = Batch(frozenset(self._paths), self._storm)
        self._paths = set()
        self._storm = False
        self._first = None
        return batch
