"""Pending files: known to differ from the index, and which thread works on which."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

__all__ = ["PendingFiles"]


class PendingFiles:
    """An ordered set of documents; each is claimed by one thread at a time."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: dict[str, int] = {}
        self._active: set[str] = set()
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def all(self) -> list[str]:
        """Return every pending document."""
        with self._condition:
            return list(self._waiting)

    def among(self, doc_ids: Sequence[str]) -> list[str]:
        """Return those of the documents that are pending."""
        with self._condition:
            return [doc_id for doc_id in doc_ids if doc_id in self._waiting]

    def add(self, doc_ids: Collection[str]) -> None:
        """Add documents; one that is in somebody's hands will be looked at once more."""
        with self._condition:
            for doc_id in doc_ids:
                self._sequence += 1
                self._waiting[doc_id] = self._sequence

    def first(self, limit: int) -> list[str]:
        """Return the first documents that nobody has claimed."""
        with self._condition:
            free = (doc_id for doc_id in self._waiting if doc_id not in self._active)
            return list(islice(free, limit))

    def claim(self, doc_ids: Sequence[str]) -> dict[str, int]:
        """Take documents into hand; returns those that were pending and free."""
        with self._condition:
            claimed = {
                doc_id: self._waiting[doc_id]
                for doc_id in doc_ids
                if doc_id in self._waiting and doc_id not in self._active
            }
            self._active.update(claimed)
            return claimed

    def release(self, claimed: Mapping[str, int], *, done: Collection[str]) -> None:
        """Let go of claimed documents; those that are done and did not change again are gone."""
        with self._condition:
            self._active.difference_update(claimed)
            for doc_id in done:
                if self._waiting.get(doc_id) == claimed[doc_id]:
                    del self._waiting[doc_id]
            self._condition.notify_all()

    def wait_idle(self, doc_ids: Collection[str], timeout: float) -> bool:
        """Wait until none of the documents is in another thread's hands."""
        with self._condition:
            return self._condition.wait_for(lambda: self._active.isdisjoint(doc_ids), timeout)
