"""Child processes that end with their parent."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["free_port", "spawn", "stop"]

# Long enough for a worker to give its job back.
_STOP_SECONDS = 20.0


def spawn(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    cwd: str | None = None,
    user: Mapping[str, Any] | None = None,
    farewell: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program that gets ``farewell`` when this process ends, however it ends.

    Call it in the main thread: on Linux the signal comes when the thread that started it ends.
    """
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=cwd,
        env=None if environ is None else dict(environ),
        # Ctrl-C is for this process, which then stops the children in order.
        start_new_session=True,
        preexec_fn=(lambda: _say_farewell(farewell)) if sys.platform == "linux" else None,  # noqa: PLW1509
        **(user or {}),
    )


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> int:
    """Ask a program to end, and end it if it does not; returns its exit status."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _say_farewell(how: signal.Signals) -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, how)
