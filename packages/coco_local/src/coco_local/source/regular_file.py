"""Opening of project files that never blocks on pipes or devices."""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path

__all__ = ["open_regular"]

# A pipe without a writer would keep its reader waiting for ever, and no listing can promise that a
# path is still what it was. Regular files ignore the flag; Windows does not have it.
_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0)


def open_regular(path: str | Path) -> tuple[FileIO, os.stat_result] | None:
    """Open a regular file for reading, with its status; None for anything else that exists.

    Raises:
        OSError: it is gone or cannot be opened.
    """
    file = open(path, "rb", buffering=0, opener=_open)  # noqa: SIM115 - the caller closes it
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode):
        return file, status
    file.close()
    return None


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _NEVER_WAIT)
