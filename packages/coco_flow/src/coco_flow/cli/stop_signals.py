"""Ctrl-C and SIGTERM as a request to stop: the first one gracefully, the second immediately."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from coco_flow.cli.exits import Exit

__all__ = ["StopSignals"]

_SHOW_CURSOR = "\x1b[?25h"


class StopSignals:
    """Counts signals while it is entered; the main thread looks at `requested`."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._previous: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether a stop was requested."""
        return self._number is not None

    @property
    def exit_code(self) -> Exit:
        """The exit code of work that a signal stopped."""
        return Exit.TERMINATED if self._number == signal.SIGTERM else Exit.INTERRUPTED

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._number is None:
            self._number = number
            return
        # The state survives this as it survives a power cut; a bar may have hidden the cursor.
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
        os._exit(self.exit_code)
