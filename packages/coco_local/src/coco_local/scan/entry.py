"""Directory entry: a path as `os.scandir` reports it, and what its name may be."""

from __future__ import annotations

import os
import stat

__all__ = ["PathEntry", "is_junction", "is_unicode", "printable"]


class PathEntry:
    """One path with the face of a directory entry."""

    __slots__ = ("_status", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._status: os.stat_result | None = None

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        """Return the entry's own status, read once."""
        assert not follow_symlinks, "a link is judged, never followed"
        if self._status is None:
            self._status = os.lstat(self.path)
        return self._status

    def is_symlink(self) -> bool:
        """Tell whether the entry is a link."""
        return stat.S_ISLNK(self.stat(follow_symlinks=False).st_mode)

    def is_dir(self) -> bool:
        """Tell whether the entry itself is a directory."""
        return stat.S_ISDIR(self.stat(follow_symlinks=False).st_mode)


def is_junction(entry: object) -> bool:
    """Windows knows a second kind of link to a directory; Python names it from 3.12 on."""
    check = getattr(entry, "is_junction", None)
    return bool(check()) if check is not None else False


def is_unicode(name: str) -> bool:
    """Tell whether a name can stand in JSON and in a database."""
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(doc: str) -> str:
    """Return the path with bytes that are not UTF-8 spelled out."""
    return doc.encode("utf-8", "backslashreplace").decode("utf-8")
