"""Disk usage of a directory whose files may vanish meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["disk_usage"]


def disk_usage(directory: Path) -> int:
    """Return the bytes of all files below a directory.

    Stores and installers replace and remove files at any time; what is gone by the time it is
    looked at counts for nothing.
    """
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += Path(folder, name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
