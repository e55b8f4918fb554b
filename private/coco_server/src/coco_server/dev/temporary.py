"""Temporary directories; what a killed process left is removed at the next start."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO

import structlog

__all__ = ["TemporaryFolder", "remove_stale"]

_log = structlog.get_logger(__name__)

_PREFIX = "coco-dev-"

# Locked by the process that made the folder; the system lets go of a lock with its process, however
# that ends. A folder without it is not ours.
_MARK = ".coco-dev"


class TemporaryFolder:
    """A folder of this process."""

    def __init__(self, purpose: str) -> None:
        """Make it, and remove those of processes that are gone."""
        remove_stale()
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}-"))
        # It gets its name once it is locked: nobody may find it open.
        unnamed = self.path / f"{_MARK}.new"
        self._mark = unnamed.open("w", encoding="utf-8")
        _lock(self._mark)
        unnamed.rename(self.path / _MARK)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._mark.close()


def remove_stale() -> list[Path]:
    """Remove the folders of processes that are gone; returns them."""
    removed: list[Path] = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        mark = folder / _MARK
        if folder.is_symlink() or not _is_ours(mark) or _has_postgres(folder):
            continue
        try:
            with mark.open("r+", encoding="utf-8") as held:
                if _lock(held):
                    shutil.rmtree(folder)
                    removed.append(folder)
        except OSError as error:
            # Another start was faster, or something in it is not ours to remove.
            _log.debug("stale_folder_kept", folder=str(folder), reason=str(error))
    return removed


def _is_ours(mark: Path) -> bool:
    if sys.platform == "win32":
        return False
    try:
        found = mark.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _has_postgres(folder: Path) -> bool:
    """Whether a PostgreSQL that outlives its parent by a moment still uses the folder."""
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError) as error:
        return isinstance(error, PermissionError)
    return True


def _lock(file: IO[str]) -> bool:
    """Lock a file for this process; False when another one has it."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
