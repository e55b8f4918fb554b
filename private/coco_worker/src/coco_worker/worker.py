"""Ingest worker: claims jobs, and builds a version on a thread for each."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import structlog

from coco_core.errors import CocoError, LeaseLost
from coco_protocol.errors import public_error
from coco_server.jobs import queue, rejections
from coco_server.jobs.records import COMPACT, Job
from coco_server.jobs.rejections import StoredRejection
from coco_server.store.session import TenantSession
from coco_worker import metrics
from coco_worker.heartbeat import Heartbeat
from coco_worker.leased_job import InterruptReason, JobInterrupted, LeasedJob
from coco_worker.pipeline import IngestDeps, ItemRejected, ingest

__all__ = ["Submitted", "Worker", "new_worker_id"]

log = structlog.get_logger(__name__)

# A wake-up may be lost (a network, a restart of Redis); then this is what a job waits.
_POLL_SECONDS = 5.0


class Submitted(StrEnum):
    """What became of a job that was handed to this worker."""

    ACCEPTED = "accepted"
    BUSY = "busy"
    NOT_WAITING = "not_waiting"


def new_worker_id() -> str:
    """Return a name that no other process has had: host and random text."""
    return f"{socket.gethostname()[:40]}-{secrets.token_hex(6)}"


class Worker:
    """Claims jobs as long as it has free hands, until it is stopped."""

    def __init__(
        self,
        deps: IngestDeps,
        *,
        worker_id: str | None = None,
        slots: int = 1,
        lease_seconds: float = queue.LEASE_SECONDS,
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            deps: What jobs are done with.
            worker_id: Owner of the leases; unique among all that ever ran.
            slots: Jobs at a time.
            lease_seconds: How long a job waits for another worker when this one dies.
            poll_seconds: How often to look for jobs without being woken.
        """
        self.worker_id = worker_id or new_worker_id()
        self._deps = deps
        self._slots = slots
        self._lease = lease_seconds
        self._poll = poll_seconds
        self._leased: dict[str, LeasedJob] = {}
        # Claiming and counting free hands are one step, so that no claimed job waits for a hand.
        self._claiming = threading.Lock()
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        # One more for compactions: no import waits for one, and none for imports without end.
        self._pool = ThreadPoolExecutor(slots + 1, thread_name_prefix="coco-job")
        self._heartbeat = Heartbeat(
            deps.database.url,
            self.worker_id,
            self._in_hand,
            lease_seconds=lease_seconds,
            slots=slots,
        )
        self._dispatcher = threading.Thread(target=self._dispatch, name="coco-claim", daemon=True)

    def start(self) -> None:
        """Begin to claim and to renew leases."""
        self._heartbeat.start()
        self._dispatcher.start()

    def stop(self, *, grace_seconds: float = 30.0) -> bool:
        """Claim nothing more, give back what is in hand, and end; whether all of it was."""
        self._stopping.set()
        self._wake.set()
        # Whoever is claiming has put its job in hand before this returns.
        with self._claiming:
            leased = self._in_hand()
        for each in leased:
            each.interrupt(InterruptReason.STOPPING)
        if self._dispatcher.is_alive():
            self._dispatcher.join()
        with self._changed:
            ended = self._changed.wait_for(lambda: not self._leased, timeout=grace_seconds)
        # What has not ended is left to its lease; its thread must not keep the process.
        self._pool.shutdown(wait=ended, cancel_futures=True)
        self._heartbeat.stop()
        return ended

    @property
    def draining(self) -> bool:
        """Whether it takes nothing new."""
        return self._stopping.is_set()

    @property
    def claiming(self) -> bool:
        """Whether it looks for jobs, or has not begun to."""
        return self._dispatcher.ident is None or self._dispatcher.is_alive()

    @property
    def running(self) -> int:
        """Jobs in hand."""
        return len(self._leased)

    def wake(self) -> None:
        """Hear that a job was enqueued, or that a running one shall be cancelled."""
        self._wake.set()
        if self._leased:
            self._heartbeat.soon()

    def submit(self, job_id: str) -> Submitted:
        """Take this job now, ahead of the queue."""
        with self._claiming:
            if self._stopping.is_set() or self._foreground >= self._slots:
                return Submitted.BUSY
            return Submitted.ACCEPTED if self._claim(job_id) else Submitted.NOT_WAITING

    def cancel(self, job_id: str) -> bool:
        """Stop a job at its next step; whether it is in hand."""
        leased = self._leased.get(job_id)
        if leased is None:
            return False
        leased.interrupt(InterruptReason.CANCELLED)
        return True

    def wait_for_change(self, seconds: float) -> None:
        """Return when a job in hand began or ended, or after so long."""
        with self._changed:
            self._changed.wait(seconds)

    # --- claiming ------------------------------------------------------------------------------

    def _in_hand(self) -> list[LeasedJob]:
        return list(self._leased.values())

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            if not self._claim_next():
                self._wake.wait(self._poll)
            self._wake.clear()

    def _claim_next(self) -> bool:
        with self._claiming:
            if self._stopping.is_set():
                return False
            free = self._foreground < self._slots
            compacts = self._foreground < len(self._leased)
            try:
                return (free and self._claim(None, background=False)) or (
                    not compacts and self._claim(None, background=True)
                )
            except Exception as error:  # noqa: BLE001 - whoever looks for work must go on looking
                log.warning("claim_failed", reason=str(error))
                return False

    @property
    def _foreground(self) -> int:
        """Jobs in hand that take a slot."""
        return sum(each.job.kind != COMPACT for each in self._in_hand())

    def _claim(self, job_id: str | None, *, background: bool | None = None) -> bool:
        with self._deps.database.system() as session:
            job = queue.claim(
                session,
                self.worker_id,
                lease_seconds=self._lease,
                job_id=job_id,
                background=background,
            )
        if job is None:
            return False
        leased = LeasedJob(job)
        self._leased[job.job_id] = leased
        metrics.RUNNING.set(len(self._leased))
        self._pool.submit(self._work, leased)
        self._notify_waiters()
        return True

    def _notify_waiters(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # --- working -------------------------------------------------------------------------------

    def _work(self, leased: LeasedJob) -> None:
        job = leased.job
        with structlog.contextvars.bound_contextvars(
            job_id=job.job_id, org_id=job.org_id, project_id=job.project_id, attempt=job.attempt
        ):
            try:
                outcome = self._attempt(leased)
                log.info("job_ended", outcome=outcome)
            except Exception:
                # The database is away: the lease runs out, and another attempt follows.
                outcome = "unknown"
                log.exception("job_end_not_recorded")
            metrics.JOBS.labels(outcome).inc()
        del self._leased[job.job_id]
        metrics.RUNNING.set(len(self._leased))
        self._notify_waiters()
        self._wake.set()

    def _attempt(self, leased: LeasedJob) -> str:
        log.info("job_started", kind=leased.job.kind)
        try:
            ingest(leased, self._deps)
        except JobInterrupted as ending:
            return self._end_interrupted(leased, ending.reason)
        except LeaseLost:
            return InterruptReason.LOST
        except Exception as error:  # noqa: BLE001 - whatever it is, the job must end
            # What was interrupted so that the job could end is no failure of the job.
            if leased.reason is not None:
                return self._end_interrupted(leased, leased.reason)
            return self._fail(leased, error)
        return "succeeded"

    def _end_interrupted(self, leased: LeasedJob, reason: InterruptReason) -> str:
        job = leased.job
        if reason is not InterruptReason.LOST:
            end: Callable[..., None] = (
                queue.cancelled if reason is InterruptReason.CANCELLED else queue.release
            )
            try:
                with self._deps.database.tenant(job.org_id) as session:
                    end(session, job)
            except LeaseLost:
                return InterruptReason.LOST
        return reason

    def _fail(self, leased: LeasedJob, error: Exception) -> str:
        job = leased.job
        if isinstance(error, CocoError):
            retry = error.retryable
            # The tenant reads it; the log has all of it.
            shown = public_error(error)
            failure = {"code": shown.code, "message": shown.message, "hint": shown.hint}
            log.warning("job_failed", code=error.code, reason=error.message)
        else:
            retry = True
            failure = {"code": "internal", "message": f"The worker failed: {type(error).__name__}."}
            log.error("job_crashed", exc_info=error)
        metrics.FAILURES.labels(failure["code"]).inc()
        try:
            with self._deps.database.tenant(job.org_id) as session:
                if isinstance(error, ItemRejected):
                    _list_rejection(error, session, job)
                again = queue.fail(session, job, failure, retry=retry)
        except LeaseLost:
            return InterruptReason.LOST
        return "retry" if again else "failed"


def _list_rejection(error: ItemRejected, session: TenantSession, job: Job) -> None:
    rejection = error.rejection
    row = StoredRejection(
        rejection.index, rejection.reason.value, rejection.message, rejection.doc_id or None
    )
    rejections.add(session, job.job_id, [row])
