"""Changed keys from a thread that waits for them, as an asynchronous iterator."""

from __future__ import annotations

import asyncio
import atexit
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, Self

from coco_flow.ports import Key

__all__ = ["STORM", "ChangeStream"]

STORM: Final = 2000
"""One listing costs less than reading so many rows."""

_open_streams: weakref.WeakSet[ChangeStream] = weakref.WeakSet()


class ChangeStream(ABC):
    """Collects keys from its start on, whether or not a consumer waits for them."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._pending: dict[Key, None] = {}
        self._rescan = False
        self._failure: BaseException | None = None
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._thread = threading.Thread(target=self._run, name="coco-flow changes", daemon=True)

    @abstractmethod
    def _follow(self) -> None:
        """Report changes until the stream is closed; runs in the stream's own thread."""

    def _start(self) -> None:
        _open_streams.add(self)
        self._thread.start()

    def _report(self, keys: Iterable[Key] | None) -> None:
        """Report keys, or None for "list everything"."""
        with self._lock:
            if keys is None:
                self._rescan = True
            else:
                self._pending.update(dict.fromkeys(keys))
                if len(self._pending) > STORM:
                    self._rescan = True
            if self._rescan:
                self._pending.clear()
            if not self._rescan and not self._pending:
                return
        self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Key] | None:
        woken = asyncio.Event()
        with self._lock:
            self._waiter = (asyncio.get_running_loop(), woken)
        while not self._closed.is_set():
            woken.clear()
            with self._lock:
                if self._rescan:
                    self._rescan = False
                    return None
                if self._pending:
                    keys = list(self._pending)
                    self._pending.clear()
                    return keys
            await woken.wait()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        raise StopAsyncIteration

    def close(self) -> None:
        """End the thread; consumers that wait see the end of the stream."""
        self._closed.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()
        _open_streams.discard(self)

    async def aclose(self) -> None:
        """The same, as asynchronous iterators call it."""
        await asyncio.to_thread(self.close)

    def _run(self) -> None:
        try:
            self._follow()
        except BaseException as error:  # noqa: BLE001 - raised again where changes are awaited
            self._failure = error
        finally:
            self._closed.set()
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            waiter = self._waiter
        if waiter is None:
            return
        loop, woken = waiter
        try:
            loop.call_soon_threadsafe(woken.set)
        except RuntimeError:
            # The loop that waited is closed, so that none waits; a new one checks before it waits.
            with self._lock:
                self._waiter = None


@atexit.register
def _close_all() -> None:
    # A thread in native code when the interpreter ends would crash.
    for stream in list(_open_streams):
        stream.close()
