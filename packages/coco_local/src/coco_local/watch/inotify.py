"""File system events from inotify, for exactly the directories that are asked for.

What watchfiles gives on Linux is a watch on every directory below the root, ignored ones and those
behind links included: one ignored link to a data set took thousands of them. Here a directory is
watched when the scan looks into it. The kernel queues an event within the call that causes it, so
what happened before a look is seen by it.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import select
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coco_local.watch.notifier import ADDED, DELETED, MODIFIED, NotifierFault

__all__ = ["LOST", "InotifyNotifier", "has_inotify"]

LOST = 0
"""The number of a change that says: the queue ran over, events are missing."""

# Numbers of the kernel's interface, which never change: <sys/inotify.h>.
_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _UNMOUNT = 0x400, 0x800, 0x2000
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_ONLY_DIRECTORY, _NO_FOLLOW, _IS_DIRECTORY = 0x1000000, 0x2000000, 0x40000000
_NONBLOCK, _CLOSE_ON_EXEC = 0o4000, 0o2000000

_WANTED = (_MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE) | (
    _DELETE_SELF | _MOVE_SELF | _ONLY_DIRECTORY | _NO_FOLLOW
)
_COMES = _MOVED_TO | _CREATE
_GOES = _MOVED_FROM | _DELETE
_ROOT_GOES = _DELETE_SELF | _MOVE_SELF | _UNMOUNT

_EVENT = struct.Struct("iIII")
# Some 2,000 events; a storm takes several reads.
_READ_BYTES = 1 << 16
# A directory that is gone, is no directory, or may not be read: the scan meets the same.
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(slots=True)
class _Watched:
    path: str
    listing: int
    """The latest listing that asked for it."""


def has_inotify() -> bool:
    """Tell whether this system has inotify, and its library the calls."""
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "inotify_init1")


class InotifyNotifier:
    """Watches directories, each by itself; thread-safe, one thread at a time may take."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Watch these; they stay watched until the end.

        Raises:
            PermissionError: one may not be read.
            NotifierFault: the system refuses.
        """
        self._library = ctypes.CDLL(None, use_errno=True)
        self._lock = threading.Lock()
        self._by_number: dict[int, _Watched] = {}
        self._listings = itertools.count(1)
        self._listing = 0
        self._kept = frozenset(paths)
        self._file = self._library.inotify_init1(_NONBLOCK | _CLOSE_ON_EXEC)
        if self._file < 0:
            raise _fault(ctypes.get_errno())
        self._readable = select.poll()
        self._readable.register(self._file, select.POLLIN)
        try:
            for path in paths:
                self.watch(path)
        except BaseException:
            self.close()
            raise

    def watch(self, path: str) -> None:
        """Watch what happens directly in a directory, from now on; links are not followed.

        Raises:
            PermissionError: it may not be read.
            NotifierFault: the system refuses.
        """
        with self._lock:
            if self._file < 0:
                return
            number = self._library.inotify_add_watch(self._file, os.fsencode(path), _WANTED)
            if number >= 0:
                # A directory that was moved keeps its number, and has a new path from here on.
                self._by_number[number] = _Watched(path, self._listing)
                return
            code = ctypes.get_errno()
        if code == errno.EACCES:
            raise PermissionError(code, os.strerror(code), path)
        if code not in _MISSING:
            raise _fault(code)

    def begin_listing(self) -> int:
        """Return the number of a listing that asks for every directory that shall be watched."""
        with self._lock:
            self._listing = next(self._listings)
            return self._listing

    def end_listing(self, listing: int) -> None:
        """Watch no more what no listing asked for since this one began."""
        with self._lock:
            for number, watched in list(self._by_number.items()):
                if watched.listing < listing and watched.path not in self._kept:
                    self._drop(number)

    def take(self) -> set[tuple[int, str]]:
        """Return what came since the last call, without waiting.

        Raises:
            NotifierFault: events cannot be read.
        """
        changes: set[tuple[int, str]] = set()
        while True:
            try:
                data = os.read(self._file, _READ_BYTES)
            except BlockingIOError:
                return changes
            except OSError as error:
                raise NotifierFault(str(error)) from error
            with self._lock:
                changes.update(self._changes(data))

    def wait(self, deadline: float) -> set[tuple[int, str]]:
        """Return as soon as something came; empty at the deadline."""
        while not (changes := self.take()):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._readable.poll(left * 1000)
        return changes

    def close(self) -> None:
        """Stop watching."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1
            self._by_number.clear()

    def _changes(self, data: bytes) -> Iterator[tuple[int, str]]:
        at = 0
        while at < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            if mask & _OVERFLOW:
                yield LOST, ""
                continue
            if mask & _IGNORED:
                self._by_number.pop(number, None)
                continue
            watched = self._by_number.get(number)
            if watched is None:
                continue
            name = data[at - length : at].rstrip(b"\0")
            path = f"{watched.path}{os.sep}{os.fsdecode(name)}" if name else watched.path
            if mask & _MOVED_FROM and mask & _IS_DIRECTORY:
                self._drop_below(path)
            if mask & (_GOES | _ROOT_GOES):
                yield DELETED, path
            else:
                yield ADDED if mask & _COMES else MODIFIED, path

    def _drop_below(self, path: str) -> None:
        """Let go of a directory that moved away; where it went it is watched anew."""
        prefix = path + os.sep
        for number, watched in list(self._by_number.items()):
            if watched.path == path or watched.path.startswith(prefix):
                self._drop(number)

    def _drop(self, number: int) -> None:
        del self._by_number[number]
        self._library.inotify_rm_watch(self._file, number)


def _fault(code: int) -> NotifierFault:
    return NotifierFault(f"{os.strerror(code)} (os error {code})")
