"""Statistics of updates: numbers of rows of each source by outcome."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["LABELS", "SourceStats", "UpdateInfo"]

LABELS = {
    "num_insertions": "added",
    "num_updates": "updated",
    "num_reprocesses": "reprocessed",
    "num_deletions": "deleted",
    "num_no_change": "no change",
    "num_errors": "errors",
}
"""The counters in the order in which they are shown, with CocoIndex's labels."""


class _Counts(dict[str, int]):
    """Counters without the zeros, which can be looked up all the same."""

    def __missing__(self, name: str) -> int:
        if name in LABELS:
            return 0
        raise KeyError(name)


class SourceStats:
    """Counters of one source; safe to change and read from any thread."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(LABELS, 0)
        self._lock = threading.Lock()
        self._in_progress = 0

    def add(self, name: str, number: int = 1) -> None:
        """Count `number` rows that ended as `name` (such as ``num_updates``)."""
        with self._lock:
            self._counts[name] += number

    @contextmanager
    def working(self, number: int) -> Iterator[None]:
        """Count rows as being processed, until the block ends or fails."""
        with self._lock:
            self._in_progress += number
        try:
            yield
        finally:
            with self._lock:
                self._in_progress -= number

    def end(self, kinds: Iterable[str]) -> None:
        """Count rows that have been processed, by how they ended."""
        with self._lock:
            for kind in kinds:
                self._counts[kind] += 1

    def as_dict(self) -> dict[str, int]:
        """Return the counters by name."""
        with self._lock:
            return dict(self._counts)

    @property
    def in_progress(self) -> int:
        """Rows being processed now."""
        return self._in_progress


class UpdateInfo:
    """What one update, or a live updater so far, did: counters by source."""

    def __init__(self, sources: Mapping[str, SourceStats]) -> None:
        self._sources = dict(sources)

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """The counters, by source and name; zeros are not shown."""
        return {
            name: _Counts((key, count) for key, count in source.as_dict().items() if count)
            for name, source in self._sources.items()
        }

    @property
    def in_progress(self) -> dict[str, int]:
        """Rows being processed now, by source."""
        return {name: source.in_progress for name, source in self._sources.items()}

    @property
    def has_errors(self) -> bool:
        """Whether any row failed."""
        return any(source.as_dict()["num_errors"] for source in self._sources.values())

    def total(self, name: str) -> int:
        """Return one counter summed over all sources."""
        return sum(source.as_dict()[name] for source in self._sources.values())

    def __str__(self) -> str:
        lines = [
            _line(name, source.as_dict(), source.in_progress)
            for name, source in self._sources.items()
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"UpdateInfo({self.stats!r})"

    def to_json(self) -> dict[str, Any]:
        """Return all counters as JSON."""
        return {name: source.as_dict() for name, source in self._sources.items()}


def _line(name: str, counts: dict[str, int], in_progress: int) -> str:
    total = sum(counts.values())
    shown = [f"{counts[key]} {label}" for key, label in LABELS.items() if counts[key]]
    if in_progress:
        shown.append(f"{in_progress} in progress")
    return f"{name}: {total} source rows: {', '.join(shown) or 'none'}"
