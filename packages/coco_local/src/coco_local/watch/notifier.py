"""File system events from watchfiles, without losing any.

`RustNotify.watch` copies and empties its set of changes under one lock, but on its way out by
``timeout`` or a set ``stop_event`` it empties the set that it has looked at a moment before: an
event of that moment is lost. An exception raised by the stop event leaves at once and empties
nothing, so that is the only way out that is used here, and no timeout is ever given.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

__all__ = ["ADDED", "DELETED", "MODIFIED", "Notifier", "NotifierFault"]

ADDED: Final = 1
MODIFIED: Final = 2
DELETED: Final = 3
"""watchfiles' numbers for what is new, changed and gone, files and directories."""

# The first look finds a change, the second that no other came meanwhile; then watch() returns.
_LOOKS: Final = 2

# An event is here within some 20 microseconds, 30 looks; when it is not, the thread that brings it
# may be waiting for this very core.
_EAGER_LOOKS: Final = 60
_PATIENCE_SECONDS: Final = 0.0001


class NotifierFault(Exception):
    """The notifier cannot go on; events may have been lost."""


class _Enough(Exception):
    """Nothing came, or not in time."""


class _Looks:
    """A stop event that ends the wait after a number of looks."""

    __slots__ = ("_left",)

    def __init__(self, looks: int) -> None:
        self._left = looks

    def is_set(self) -> bool:
        self._left -= 1
        if self._left < 0:
            raise _Enough
        return False


class _Deadline:
    """A stop event that ends the wait at a time."""

    __slots__ = ("_at", "_looks")

    def __init__(self, at: float) -> None:
        self._at = at
        self._looks = 0

    def is_set(self) -> bool:
        if time.monotonic() > self._at:
            raise _Enough
        self._looks += 1
        if self._looks > _EAGER_LOOKS:
            time.sleep(_PATIENCE_SECONDS)
        return False


class Notifier:
    """Watches directories and everything below them; one thread at a time may take.

    For systems that watch trees and do not follow links; on Linux see `coco_local.watch.inotify`.
    """

    def __init__(self, paths: Sequence[str], *, forgiving: bool = False) -> None:
        """Start watching; a ``forgiving`` notifier leaves out what it may not read.

        Raises:
            PermissionError: a directory may not be read.
            NotifierFault: the system refuses.
        """
        try:
            self._rust = RustNotify(list(paths), False, False, 0, True, forgiving)
        except PermissionError:
            raise
        except (OSError, RuntimeError) as error:
            raise NotifierFault(str(error)) from error

    def take(self) -> set[tuple[int, str]]:
        """Return what came since the last call, without waiting."""
        return self._watch(_Looks(_LOOKS))

    def wait(self, deadline: float) -> set[tuple[int, str]]:
        """Return as soon as something came; empty at the deadline."""
        return self._watch(_Deadline(deadline))

    def close(self) -> None:
        """Stop watching."""
        self._rust.close()

    def _watch(self, stop: _Looks | _Deadline) -> set[tuple[int, str]]:
        try:
            changes = self._rust.watch(0, 0, 0, stop)
        except _Enough:
            return set()
        except WatchfilesRustInternalError as error:
            raise NotifierFault(str(error)) from error
        if isinstance(changes, str):
            # Only a signal handler that raises in this very thread gets here.
            raise NotifierFault(f"the wait was broken off: {changes}")
        return changes
