"""Keeping other processes from updating an app at the same time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from coco_flow.errors import FlowConflict

__all__ = ["Exclusive"]


class Exclusive:
    """A lock on one app, which ends with the process; updates of one process share it."""

    def __init__(self, folder: Path, name: str) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._lock = FileLock(folder / f"components-{digest}.lock", thread_local=False)
        self._name = name
        self._holders = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; on the environment's loop.

        Raises:
            FlowConflict: Another process, or another environment, updates the app.
        """
        if self._holders == 0:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise FlowConflict(
                    f"The app {self._name!r} is being updated by another process or environment.",
                    hint="Wait until that has ended, or stop it.",
                ) from None
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if self._holders == 0:
                self._lock.release()
