"""The identity of a process: PIDs are used again, identities never."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import psutil

__all__ = ["identity_of", "is_alive"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

# Fields of /proc/PID/stat behind the program's name: state, and ticks from boot to its start.
_STATE: Final = 0
_START_TICKS: Final = 19


def identity_of(pid: int) -> str | None:
    """Return a text that no other process of this machine ever has; None when ``pid`` does not run.

    On Linux it is counted from the boot, because the time of day that psutil gives moves when the
    clock is set. A zombie does not run: it has ended, only nobody has asked how.
    """
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{pid}/stat").read_bytes()
            boot = _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return _identity_by_clock(pid)
        # The name in parentheses may itself hold spaces and parentheses.
        fields = status.rpartition(b")")[2].split()
        if fields[_STATE] in {b"Z", b"X"}:
            return None
        return f"{boot}+{fields[_START_TICKS].decode()}"
    return _identity_by_clock(pid)


def is_alive(pid: int, identity: str) -> bool:
    """Tell whether the very process runs that had this PID then."""
    return identity_of(pid) == identity


def _identity_by_clock(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        # Somebody else's process: it runs, and it is not ours.
        return "unknown"
