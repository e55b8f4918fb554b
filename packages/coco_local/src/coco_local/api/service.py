"""Daemon service: the operations of local mode, and waiting for job events."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from coco_protocol.jobs import JobEvent
from coco_protocol.local import LocalService

__all__ = ["DaemonService"]


class DaemonService(LocalService):
    """A service in this process; it may be called from several threads at once."""

    stop_requested: threading.Event
    """Set once somebody wants it to stop."""

    def wait_job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        """Return events with a sequence above ``after``; wait up to ``timeout`` seconds for one.

        Raises:
            JobNotFound: there is no such job.
        """
        raise NotImplementedError
