"""Heartbeat: renews the leases of jobs on a thread and a connection of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

import structlog

from coco_core.errors import CocoError
from coco_core.version import __version__
from coco_server.jobs import overview, queue
from coco_server.store.session import Database
from coco_worker.leased_job import InterruptReason, LeasedJob

__all__ = ["Heartbeat"]

log = structlog.get_logger(__name__)


class Heartbeat:
    """Renews all leases in one statement, and passes on what happened to the jobs meanwhile."""

    def __init__(
        self,
        database_url: str,
        worker_id: str,
        leased: Callable[[], Collection[LeasedJob]],
        *,
        lease_seconds: float = queue.LEASE_SECONDS,
        slots: int = 1,
    ) -> None:
        """Beat for the jobs that ``leased`` returns at each beat; ``slots`` is how many it may."""
        self._slots = slots
        # A pool of one of its own: a beat must not wait for a connection that work has taken.
        self._database = Database(database_url, most=1, name="coco-heartbeat")
        self._worker_id = worker_id
        self._leased = leased
        self._lease = lease_seconds
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coco-heartbeat", daemon=True)

    def start(self) -> None:
        """Connect and begin."""
        self._database.open()
        self._thread.start()

    def soon(self) -> None:
        """Beat now: somebody says that a job was changed."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread and the connection."""
        self._ended.set()
        self._wake.set()
        self._thread.join()
        self._leave()
        self._database.close()

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._ended.is_set():
            try:
                self._beat()
                renewed = time.monotonic()
            except Exception as error:  # noqa: BLE001 - a heart that stops loses every job
                log.warning("heartbeat_failed", reason=str(error))
                if time.monotonic() - renewed > self._lease:
                    # By now somebody else may have them; the fence would refuse every commit.
                    for each in self._leased():
                        each.interrupt(InterruptReason.LOST)
            self._wake.wait(queue.heartbeat_seconds(self._lease))
            self._wake.clear()

    def _beat(self) -> None:
        leased = {each.job.job_id: each for each in self._leased()}
        fences = queue.fences([each.job for each in leased.values()])
        with self._database.system() as session:
            overview.report_worker(
                session,
                self._worker_id,
                version=__version__,
                slots=self._slots,
                running=len(leased),
            )
            kept = (
                queue.heartbeat(session, self._worker_id, fences, lease_seconds=self._lease)
                if fences
                else {}
            )
        for job_id, each in leased.items():
            if job_id not in kept:
                each.interrupt(InterruptReason.LOST)
            elif kept[job_id]:
                each.interrupt(InterruptReason.CANCELLED)

    def _leave(self) -> None:
        """Say that the worker has stopped; without the database its report only grows old."""
        try:
            with self._database.system() as session:
                overview.forget_worker(session, self._worker_id)
        except CocoError as error:
            log.warning("worker_not_forgotten", reason=error.message)
