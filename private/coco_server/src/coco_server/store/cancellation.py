"""Cancellation of what a request runs in the database, once its caller has left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg
import structlog

from coco_core.errors import CallerLeft
from coco_server.store.pool import Connection

__all__ = ["CANCELLATION", "Cancellation", "cancellable", "refuse_if_cancelled"]

# The next statement of the same transaction is cancelled, too, this much later.
_AGAIN_SECONDS = 0.1

# A server that does not answer ends the connection by itself.
_PATIENCE_SECONDS = 4.0

_log = structlog.get_logger(__name__)


class Cancellation:
    """Cancels the statements of one request; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._running: list[Connection] = []
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether the caller has left."""
        return self._cancelled

    @contextmanager
    def running(self, connection: Connection) -> Iterator[None]:
        """Let `cancel` reach what the block runs on a connection, and nothing after it.

        Raises:
            CallerLeft: that has happened before.
        """
        with self._lock:
            if self._cancelled:
                raise CallerLeft
            self._running.append(connection)
        try:
            yield
        finally:
            # A cancellation under way ends first: it must not meet the connection's next user.
            with self._lock:
                self._running.remove(connection)
                self._lock.notify_all()

    def cancel(self) -> None:
        """Cancel what runs and what would follow in its transaction; returns when that has ended.

        It blocks, so call it on a thread of its own.
        """
        with self._lock:
            self._cancelled = True
            while self._running:
                for connection in self._running:
                    self._cancel_statement(connection)
                self._lock.wait(_AGAIN_SECONDS)

    @staticmethod
    def _cancel_statement(connection: Connection) -> None:
        try:
            connection.cancel_safe(timeout=_PATIENCE_SECONDS)
        except psycopg.Error as error:
            _log.warning("cancellation_failed", reason=str(error).strip())


CANCELLATION: ContextVar[Cancellation | None] = ContextVar("coco_cancellation", default=None)
"""Of the request that is being answered."""


@contextmanager
def cancellable(connection: Connection) -> Iterator[None]:
    """Let the caller's departure cancel what the block runs, if there is a caller.

    Raises:
        CallerLeft: they have left before.
    """
    found = CANCELLATION.get()
    if found is None:
        yield
        return
    with found.running(connection):
        yield


def refuse_if_cancelled() -> None:
    """End work that goes on without the database, if there is a caller and they have left.

    Raises:
        CallerLeft: they have.
    """
    found = CANCELLATION.get()
    if found is not None and found.cancelled:
        raise CallerLeft
