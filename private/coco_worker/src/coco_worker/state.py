"""State of a worker as its probes tell it."""

from __future__ import annotations

from coco_core.errors import CocoError
from coco_server.store.session import Database
from coco_worker.worker import Worker

__all__ = ["WorkerState"]


class WorkerState:
    """Checks of the probes; from the process's first moment on."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._database: Database | None = None

    def begin(self, worker: Worker, database: Database) -> None:
        """Say that the worker is about to take jobs."""
        self._worker, self._database = worker, database

    def started(self) -> str | None:
        """Return why it has not started; None: it has."""
        return None if self._worker is not None else "The worker is starting."

    def live(self) -> str | None:
        """Return why it should be restarted: the thread that claims jobs has ended."""
        if self._worker is None or self._worker.draining or self._worker.claiming:
            return None
        return "The thread that claims jobs has ended."

    def ready(self) -> str | None:
        """Return why it takes no jobs now, in words without secrets; None: it does."""
        if self._worker is None or self._database is None:
            return self.started()
        if self._worker.draining:
            return "The worker is stopping."
        try:
            with self._database.system() as session:
                session.connection.execute("SELECT 1")
        except CocoError:
            # The log has the reason, which names hosts.
            return "The database does not answer."
        return None
