"""Memo of functions' results: looked up by batch, computed once, kept even on failure."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coco_flow.state.store import StateStore

__all__ = ["CallsInFlight", "MemoSession"]


class CallsInFlight:
    """Calls that some batch is computing, or has computed and not written yet.

    No other batch computes them too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[bytes, _Call] = {}

    def claim(self, digests: Sequence[bytes]) -> tuple[list[bytes], dict[bytes, _Call]]:
        """Return the calls that the caller must compute, and those that others compute."""
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

    def drop(self, digests: Iterable[bytes]) -> None:
        """Drop results that have been written to the store."""
        with self._lock:
            for digest in digests:
                self._calls.pop(digest, None)


class _Call:
    """A call being computed: `result` stays None if it failed."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: bytes | None = None

    def wait(self) -> bytes | None:
        self.done.wait()
        return self.result


class MemoSession:
    """The memo for one batch.

    `store` None means that nothing is stored (an evaluation without state); `read` False
    recomputes everything but stores the results.
    """

    def __init__(
        self,
        store: StateStore | None,
        *,
        in_flight: CallsInFlight | None = None,
        read: bool = True,
        write: bool = True,
    ) -> None:
        self._store = store
        self._in_flight = in_flight
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
        if self._in_flight is None or not self._read:
            return list(digests), {}
        return self._in_flight.claim(digests)

    def settle(self, claimed: Sequence[bytes]) -> None:
        """Publish that the claimed calls have been made, or have failed."""
        if self._in_flight is not None and self._read:
            self._in_flight.settle(self._results, claimed)

    def put(self, digest: bytes, value: bytes) -> None:
        """Keep a result; it is written with the batch, or by `flush`."""
        self._results[digest] = value

    def flush(self) -> None:
        """Write what was computed; inside the caller's transaction if there is one."""
        if self._store is not None and self._write and self._results:
            self._store.add_memo(self._results.items())
        if self._in_flight is not None:
            self._in_flight.drop(self._results)
        self._results = {}
