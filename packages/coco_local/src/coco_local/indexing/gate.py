"""Queries come first: background work pauses at its yield points while one is answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ForegroundGate"]

# Queries come back to back from an agent; without a bound they would stop indexing altogether.
_LONGEST_PAUSE_SECONDS = 0.1


class ForegroundGate:
    """Counts the queries in flight; background work waits until there is none, within bounds."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._queries = 0

    @contextmanager
    def query(self) -> Iterator[None]:
        """Mark the time in which a query is answered."""
        with self._condition:
            self._queries += 1
        try:
            yield
        finally:
            with self._condition:
                self._queries -= 1
                if self._queries == 0:
                    self._condition.notify_all()

    def is_busy(self) -> bool:
        """Whether a query is in flight."""
        return self._queries > 0

    def wait_until_idle(self) -> None:
        """Wait until no query is in flight; called between two units of background work."""
        if self._queries == 0:
            return
        with self._condition:
            self._condition.wait_for(lambda: self._queries == 0, timeout=_LONGEST_PAUSE_SECONDS)
