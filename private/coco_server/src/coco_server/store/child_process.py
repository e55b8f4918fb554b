"""Child processes with a bound on their memory: hostile input is decoded and compiled in them.

Parent and child exchange messages over a socket: one byte says what it is, eight its length. The
child has no environment that could hold a secret.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

__all__ = ["ChildEnded", "ChildProcess", "Message", "Pipe", "limit_memory"]

_HEAD_BYTES = 9

# How often the parent looks whether it shall still wait.
_CHECK_SECONDS = 0.2

# What a Python program needs to start; nothing else of the environment is handed on.
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")

_SET = {
    # Other allocators reserve address space by the gigabyte, which the bound would count.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Every thread would have an arena of 64 MiB of address space.
    "MALLOC_ARENA_MAX": "1",
}


class Message(NamedTuple):
    """What came from the other side."""

    kind: bytes
    """One byte."""
    body: bytearray


class ChildEnded(Exception):
    """The child ended, was killed, or did not answer in time; never leaves this program."""


class Pipe:
    """One side of the socket between parent and child."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, kind: bytes, body: bytes | bytearray | memoryview = b"") -> None:
        """Send a message; ``kind`` is one byte.

        Raises:
            ChildEnded: the other side is gone.
        """
        for piece in (kind + len(body).to_bytes(8, "little"), body):
            view, place = memoryview(piece), 0
            while place < len(view):
                place += self._put(view[place:])

    def receive(self, most: int) -> Message:
        """Wait for a message of at most ``most`` bytes.

        Raises:
            ChildEnded: the other side is gone, or sends more.
        """
        head = self._exactly(_HEAD_BYTES)
        size = int.from_bytes(head[1:], "little")
        if size > most:
            raise ChildEnded
        return Message(bytes(head[:1]), self._exactly(size))

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view, place = memoryview(data), 0
        while place < size:
            count = self._take(view[place:])
            if not count:
                raise ChildEnded
            place += count
        return data

    def _take(self, into: memoryview) -> int:
        try:
            return self._end.recv_into(into)
        except OSError as error:
            raise ChildEnded from error

    def _put(self, piece: memoryview) -> int:
        try:
            return self._end.send(piece)
        except OSError as error:
            raise ChildEnded from error


class ChildProcess(Pipe):
    """A child that runs ``python -m module``; its only argument is the socket's number."""

    def __init__(
        self, module: str, *, seconds: float, check: Callable[[], None] | None = None
    ) -> None:
        """Start it.

        Args:
            module: what it runs; it calls `limit_memory` before it touches what is hostile.
            seconds: longest wait for one message.
            check: called while waiting; what it raises ends the wait.
        """
        own, theirs = socket.socketpair()
        self._seconds = seconds
        self._check = check
        own.settimeout(_CHECK_SECONDS)
        environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno())],
                env={**environ, **_SET},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A signal to the parent's group is for the parent to handle.
                start_new_session=True,
            )
        super().__init__(own)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def close(self) -> None:
        """End the child, whatever it does."""
        self._end.close()
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()
        self._child.wait()

    def _take(self, into: memoryview) -> int:
        return self._patiently(lambda: self._end.recv_into(into))

    def _put(self, piece: memoryview) -> int:
        # The child may be busy, and reads when it is done.
        return self._patiently(lambda: self._end.send(piece))

    def _patiently(self, step: Callable[[], int]) -> int:
        until = time.monotonic() + self._seconds
        while True:
            try:
                return step()
            except TimeoutError as error:
                if self._check is not None:
                    self._check()
                if time.monotonic() > until:
                    raise ChildEnded from error
            except OSError as error:
                raise ChildEnded from error


def limit_memory(more: int) -> None:
    """Let this process take ``more`` bytes than it has now; call it in the child.

    Asking for more fails there. Systems other than Linux do not keep to such a bound.
    """
    if sys.platform != "linux":
        return
    import resource

    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    now = int(pages) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
