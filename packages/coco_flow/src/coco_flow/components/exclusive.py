"""The lock that keeps processes from updating an app at the same time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from coco_flow.errors import FlowConflict

__all__ = ["Exclusive"]

logger = logging.getLogger(__name__)

# How long an update waits for the one of another process; a live one may go on for days.
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05


class Exclusive:
    """A lock on one app, which ends with the process; updates of one process share it."""

    def __init__(self, folder: Path, name: str) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._lock = FileLock(folder / f"components-{digest}.lock", thread_local=False)
        self._name = name
        self._holders = 0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lock, waiting a while for another process; on the environment's loop.

        Raises:
            FlowConflict: Another process, or another environment, keeps updating the app.
        """
        await self._acquire()
        try:
            yield
        finally:
            self._holders -= 1
            if self._holders == 0:
                self._lock.release()

    async def _acquire(self) -> None:
        end = time.monotonic() + WAIT_SECONDS
        waiting = False
        while self._holders == 0:
            try:
                self._lock.acquire(timeout=0)
                break
            except Timeout:
                if time.monotonic() > end:
                    raise FlowConflict(
                        f"The app {self._name!r} is being updated by another process, which has "
                        f"not ended in {WAIT_SECONDS:.0f} s.",
                        hint="Wait until it has ended, or stop it if it runs live.",
                    ) from None
            if not waiting:
                logger.info("The app %r waits for another process to update it.", self._name)
            waiting = True
            await asyncio.sleep(POLL_SECONDS)
        self._holders += 1
