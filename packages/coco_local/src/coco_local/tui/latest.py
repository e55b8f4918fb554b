"""Request thread that keeps only the newest request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Latest"]

T = TypeVar("T")


class Latest(Generic[T]):
    """Runs ``handle`` for the newest request; one that waits is dropped when a newer one comes.

    So a slow answer holds back at most one question, however fast they are typed.
    """

    def __init__(self, name: str, handle: Callable[[T], None]) -> None:
        """Take the thread's name and what it runs; ``handle`` must not raise."""
        self._handle = handle
        self._waiting: list[T] = []
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, request: T) -> None:
        """Hand over a request and return at once."""
        with self._changed:
            self._waiting[:] = [request]
            self._changed.notify()

    def stop(self) -> None:
        """Take no more requests; the one in hand ends by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._waiting)
                if self._stopped:
                    return
                request = self._waiting.pop()
            self._handle(request)
