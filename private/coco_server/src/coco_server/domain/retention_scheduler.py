"""Retention scheduler: prunes from time to time in a background thread."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import structlog

from coco_core.errors import CocoError
from coco_protocol.server.system import PruneData

__all__ = ["RetentionScheduler"]

_log = structlog.get_logger(__name__)

# What is kept is counted in hours; several processes that do the same do no harm.
_EVERY_SECONDS = 3600.0

# Processes that start together shall not all begin at once, nor while they start.
_FIRST_SECONDS = (60.0, 600.0)


class RetentionScheduler:
    """Runs ``prune`` once in a while until it is closed."""

    def __init__(
        self,
        prune: Callable[[], PruneData],
        *,
        first: float | None = None,
        every: float = _EVERY_SECONDS,
    ) -> None:
        """Prepare it; ``first`` and ``every`` are seconds, the first at random if left out."""
        self._prune = prune
        self._wait = random.uniform(*_FIRST_SECONDS) if first is None else first  # noqa: S311 - no secret
        self._every = every
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coco-retention", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first time."""
        self._thread.start()

    def close(self) -> None:
        """End; a step that runs is finished in its own time, as it may be interrupted anywhere."""
        self._closed.set()

    def _run(self) -> None:
        wait = self._wait
        while not self._closed.wait(wait):
            wait = self._every
            try:
                done = self._prune()
            except CocoError as error:
                _log.warning("retention_failed", code=error.code, reason=error.message)
            except Exception as error:  # noqa: BLE001 - the next time may be better
                # At the service's end the database is closed under it, which is no failure.
                if not self._closed.is_set():
                    _log.error("retention_failed", exc_info=error)
            else:
                _log.info("retention", **done.model_dump(exclude={"version_ids", "dry_run"}))
