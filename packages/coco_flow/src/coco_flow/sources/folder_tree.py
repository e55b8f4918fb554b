"""Folders and links below a root, recorded to interpret change events."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from coco_flow.sources.change_stream import STORM
from coco_flow.sources.folder_scan import FolderScan

__all__ = ["FolderTree"]

# The system queues some 16,000 events and then drops some; with so many it may have.
_FLOOD = 8000

# The system reports a new folder before it watches it, and not what was put there in between: what
# is below is reported again after these seconds, when its watch is set up.
_SETTLE_SECONDS = (0.1, 1.0)

# A new folder with more files than this is worth a listing of everything.
_FEW_FILES = 100

# How often the root itself is checked: no event reports that a parent was renamed.
_ROOT_SECONDS = 2.0

_ADDED: Final = 1
_DELETED: Final = 3
"""watchfiles' numbers for what came and what is gone."""


class FolderTree:
    """The folders and links below the root, with which events are interpreted."""

    def __init__(self, scan: FolderScan) -> None:
        self._scan = scan
        self._root = _with_slashes(scan.root)
        self._real_root = self._root
        self._identity: tuple[int, int] | None = None
        self._root_due = 0.0
        self._folders: set[str] = set()
        self._links: dict[str, str] = {}
        self._new_folders: dict[str, list[float]] = {}

    # --- the root --------------------------------------------------------------------------------

    def note_root(self) -> None:
        """Record which folder the root is now."""
        self._identity = _identity(self._root)
        self._real_root = _real(self._root)
        self._root_due = time.monotonic() + _ROOT_SECONDS

    def exists(self) -> bool:
        """Say whether the root existed at the last check."""
        return self._identity is not None

    def root_changed(self, now: float) -> bool:
        """Say whether the root is gone or another folder by now; checked every few seconds."""
        if now < self._root_due:
            return False
        self._root_due = now + _ROOT_SECONDS
        return _identity(self._root) != self._identity

    def next_look(self) -> float:
        """Return the time of the next check even if no event comes."""
        return min([self._root_due, *(times[0] for times in self._new_folders.values())])

    # --- folders and links -----------------------------------------------------------------------

    def learn(self) -> None:
        """Record all folders and links again."""
        self._folders.clear()
        self._links.clear()
        self._new_folders.clear()
        for _ in self._walk(""):
            pass

    def _walk(self, folder: str) -> Iterator[str]:
        """Yield the files below a folder, and record the folders and links among them."""
        left = [folder]
        while left:
            folder = left.pop()
            try:
                entries = list(os.scandir(self._path(folder)))
            except OSError:
                # Gone again, or not readable: the listing that follows handles it.
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                is_folder = self._learn_link(entry, name) if entry.is_symlink() else entry.is_dir()
                if is_folder:
                    self._folders.add(name)
                    if self._scan.patterns.enters(name):
                        left.append(name)
                elif is_folder is False:
                    yield name

    def _learn_link(self, entry: os.DirEntry[str], name: str) -> bool | None:
        """Record a link; return whether it leads to a folder, None if it is to be ignored."""
        self._links[name] = _real(entry.path)
        if not self._scan.follow_links:
            return None
        try:
            status = entry.stat()
            if not stat.S_ISDIR(status.st_mode):
                return False
            return None if self._scan.leads_above_itself(name, status) else True
        except OSError:
            # It leads nowhere now; when that changes, it may be a file.
            return False

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    # --- events ----------------------------------------------------------------------------------

    def changed_files(self, changes: set[tuple[int, str]]) -> set[str] | None:
        """Return the files that events name; None if only a listing can find them."""
        if len(changes) > _FLOOD:
            return None
        found: set[str] = set()
        named = {(name, path) for _, path in changes for name in self._names(path)}
        relevant = [(name, path) for name, path in named if self._is_reached(name)]
        if len(relevant) > STORM:
            return None
        for name, path in relevant:
            came, gone = (_ADDED, path) in changes, (_DELETED, path) in changes
            files = self._files(name, came=came, gone=gone)
            if files is None:
                return None
            found.update(files)
        return {name for name in found if self._scan.patterns.accepts(name)}

    def _is_reached(self, name: str) -> bool:
        if not self._scan.patterns.reaches(name):
            return False
        # The system follows links, which cannot be turned off.
        return self._scan.follow_links or not any(name.startswith(f"{x}/") for x in self._links)

    def settling(self, now: float) -> set[str] | None:
        """Return the files below folders that were new a moment ago; None if they are many."""
        found: set[str] = set()
        for folder, times in list(self._new_folders.items()):
            if times[0] > now:
                continue
            times.pop(0)
            if not times:
                del self._new_folders[folder]
            for name in self._walk(folder):
                found.add(name)
                if len(found) > _FEW_FILES:
                    return None
        return {name for name in found if self._scan.patterns.accepts(name)}

    def _names(self, path: str) -> list[str]:
        """Return the names that a path has below the root: more than one through links."""
        path = _with_slashes(path)
        names = []
        for root in {self._root, self._real_root}:
            if path == root:
                return [""]
            if path.startswith(f"{root}/"):
                names.append(path[len(root) + 1 :])
        if not self._links:
            return names[:1]
        parent, _, last = path.rpartition("/")
        real = f"{_real(parent)}/{last}"
        if real.startswith(f"{self._real_root}/"):
            names.append(real[len(self._real_root) + 1 :])
        for link, target in self._links.items():
            if real == target:
                names.append(link)
            elif real.startswith(f"{target}/"):
                names.append(link + real[len(target) :])
        return names

    def _files(self, name: str, *, came: bool, gone: bool) -> Iterable[str] | None:
        """Return the files that a name may mean; None if only a listing can find them."""
        if not name:
            return None
        try:
            mode = os.lstat(self._path(name)).st_mode
        except OSError:
            return None if name in self._folders or name in self._links else (name,)
        if stat.S_ISLNK(mode):
            real = _real(self._path(name))
            return (name,) if self._links.get(name) == real and not gone else None
        if not stat.S_ISDIR(mode):
            return None if name in self._folders else (name,)
        if name in self._folders and gone:
            return None  # another folder of this name
        if name in self._folders and not came:
            return ()  # its own attributes are no file's content
        self._folders.add(name)
        if not self._scan.patterns.enters(name):
            return ()
        now = time.monotonic()
        self._new_folders[name] = [now + wait for wait in _SETTLE_SECONDS]
        files = list(self._walk(name))
        return files if len(files) <= _FEW_FILES else None


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _with_slashes(path: str) -> str:
    return path if os.sep == "/" else path.replace(os.sep, "/")


def _real(path: str) -> str:
    return _with_slashes(os.path.realpath(path))
