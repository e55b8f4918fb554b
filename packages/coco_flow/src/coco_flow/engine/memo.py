"""Remembered results of functions within one batch: looked up together, kept even on failure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coco_flow.state.store import StateStore

__all__ = ["MemoSession"]


class MemoSession:
    """The memo as one batch sees it.

    `store` None means that nothing is remembered (an evaluation without state); `read` False
    computes everything anew but keeps the results.
    """

    def __init__(self, store: StateStore | None, read: bool = True, write: bool = True) -> None:
        self._store = store
        self._read = read
        self._write = write
        self.results: dict[bytes, bytes] = {}

    def get(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the results that are known among these calls."""
        found = {digest: self.results[digest] for digest in digests if digest in self.results}
        if self._store is not None and self._read and len(found) < len(digests):
            found.update(self._store.memo([d for d in digests if d not in found]))
        return found

    def put(self, digest: bytes, value: bytes) -> None:
        """Keep a result; it is written with the batch, or by `flush`."""
        self.results[digest] = value

    def flush(self) -> None:
        """Write what was computed; inside the caller's transaction if there is one."""
        if self._store is not None and self._write and self.results:
            self._store.remember(self.results.items())
        self.results = {}
