"""Signal handling: SIGINT, SIGTERM, and SIGHUP as a stop, with no work in the handler.

A Python handler runs in the middle of whatever the main thread does, which may hold the very lock
that setting an event needs. So the handler only sends a byte, and a thread does the rest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import structlog

__all__ = ["StopSignals"]

log = structlog.get_logger(__name__)

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

# What a shell reports for a program that Ctrl-C ended.
_INTERRUPTED = 130

_END = b"\0"


class StopSignals:
    """Calls ``on_stop`` at the first signal; the second one ends the process at once."""

    def __init__(self, on_stop: Callable[[], None], on_force: Callable[[], None]) -> None:
        """``on_force`` gets a last chance to tidy up before the process ends."""
        self._on_stop = on_stop
        self._on_force = on_force
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        self._thread.start()
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None is a handler that was not set from Python; it cannot be put back.
            if callable(handler) or isinstance(handler, signal.Handlers):
                signal.signal(number, handler)
        self._writer.send(_END)
        self._thread.join()
        self._reader.close()
        self._writer.close()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        # A full pipe holds more signals than anybody needs.
        with contextlib.suppress(BlockingIOError):
            self._writer.send(bytes([number]))

    def _run(self) -> None:
        received = 0
        while True:
            data = self._reader.recv(1)
            if data in {b"", _END}:
                return
            received += 1
            name = signal.Signals(data[0]).name
            if received > 1:
                log.warning("forced_to_stop", signal=name)
                self._on_force()
                sys.stderr.flush()
                os._exit(_INTERRUPTED)
            log.info("stopping", signal=name)
            self._on_stop()
