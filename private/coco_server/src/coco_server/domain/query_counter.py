"""Counter of queries by org: kept in memory, and added to the org's usage every few seconds."""

from __future__ import annotations

import threading
from collections import Counter

import structlog

from coco_core.errors import CocoError
from coco_server.store import usage_report
from coco_server.store.session import Database

__all__ = ["QueryCounter"]

_log = structlog.get_logger(__name__)

# A query writes nothing itself. A process that is killed loses the counts of this time at most.
_EVERY_SECONDS = 10.0


class QueryCounter:
    """Counts on the threads of requests, and writes on one of its own."""

    def __init__(self, database: Database, *, every: float = _EVERY_SECONDS) -> None:
        self._database = database
        self._every = every
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coco-usage", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def add(self, org_id: str) -> None:
        """Count a query that was answered."""
        with self._lock:
            self._counts[org_id] += 1

    def flush(self) -> None:
        """Write what was counted; without a database it is kept for the next time."""
        with self._lock:
            counted, self._counts = self._counts, Counter()
        if not counted:
            return
        try:
            with self._database.system() as session:
                usage_report.add_queries(session, counted)
        except CocoError as error:
            _log.warning("usage_not_written", reason=error.message)
            with self._lock:
                self._counts.update(counted)

    def close(self) -> None:
        """Write the rest, and end."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed.wait(self._every):
            self.flush()
