"""Remembered results of functions: looked up by batch, computed once, kept even on failure."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coco_flow.state.store import StateStore

__all__ = ["CallsInWork", "MemoSession"]


class CallsInWork:
    """Calls that some batch is computing, or has computed and not written yet.

    No other batch computes them too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[bytes, _Call] = {}

    def claim(self, digests: Sequence[bytes]) -> tuple[list[bytes], dict[bytes, _Call]]:
        """Return the calls that are now the caller's to compute, and those of others."""
        mine: list[bytes] = []
        theirs: dict[bytes, _Call] = {}
        with self._lock:
            for digest in digests:
                if digest in self._calls:
                    theirs[digest] = self._calls[digest]
                else:
                    self._calls[digest] = _Call()
                    mine.append(digest)
        return mine, theirs

    def settle(self, results: dict[bytes, bytes], claimed: Sequence[bytes]) -> None:
        """Publish the results of claimed calls; those that failed may be claimed again."""
        with self._lock:
            calls = [(digest, self._calls[digest]) for digest in claimed]
            for digest in claimed:
                if digest not in results:
                    del self._calls[digest]
        for digest, call in calls:
            call.result = results.get(digest)
            call.done.set()

    def forget(self, digests: Iterable[bytes]) -> None:
        """Drop results that the store has by now."""
        with self._lock:
            for digest in digests:
                self._calls.pop(digest, None)


class _Call:
    """A call in work: `result` stays None if it failed."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: bytes | None = None

    def wait(self) -> bytes | None:
        self.done.wait()
        return self.result


class MemoSession:
    """The memo as one batch sees it.

    `store` None means that nothing is remembered (an evaluation without state); `read` False
    computes everything anew but keeps the results.
    """

    def __init__(
        self,
        store: StateStore | None,
        *,
        in_work: CallsInWork | None = None,
        read: bool = True,
        write: bool = True,
    ) -> None:
        self._store = store
        self._in_work = in_work
        self._read = read
        self._write = write
        self._results: dict[bytes, bytes] = {}

    def get(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the results that are known among these calls."""
        found = {digest: self._results[digest] for digest in digests if digest in self._results}
        if self._store is not None and self._read and len(found) < len(digests):
            found.update(self._store.memo([d for d in digests if d not in found]))
        return found

    def claim(self, digests: Sequence[bytes]) -> tuple[list[bytes], dict[bytes, _Call]]:
        """Return the calls to compute here, and those that another batch computes already."""
        if self._in_work is None or not self._read:
            return list(digests), {}
        return self._in_work.claim(digests)

    def settle(self, claimed: Sequence[bytes]) -> None:
        """Say that the claimed calls have been made, or have failed."""
        if self._in_work is not None and self._read:
            self._in_work.settle(self._results, claimed)

    def put(self, digest: bytes, value: bytes) -> None:
        """Keep a result; it is written with the batch, or by `flush`."""
        self._results[digest] = value

    def flush(self) -> None:
        """Write what was computed; inside the caller's transaction if there is one."""
        if self._store is not None and self._write and self._results:
            self._store.remember(self._results.items())
        if self._in_work is not None:
            self._in_work.forget(self._results)
        self._results = {}
