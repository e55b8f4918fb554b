"""Manifest of a directory: which file belongs to which row, so that no other file is touched.

It is a file of JSON lines in the directory itself: a line with a path when a row is about to get a
file, a line without when it has none any more. A crash leaves at most a superfluous line.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Manifest"]

# With more superseded lines than this, opening the manifest rewrites it without them.
_IDLE_LINES = 1000


class Manifest:
    """The files of one target in a directory; other targets may have manifests there too."""

    def __init__(self, directory: Path, name: str) -> None:
        self.path = directory / f".coco_flow.{name}.jsonl"
        self._paths: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._read, self._file = 0, 0
        from filelock import FileLock

        # Several processes may share an update.
        self._lock = FileLock(self.path.with_suffix(".lock"))
        with self._lock if self.path.exists() else contextlib.nullcontext():
            lines = self.reload()
            if lines > 2 * len(self._paths) + _IDLE_LINES:
                self._compact()

    def paths(self) -> list[str]:
        """Return the path of every file, relative to the directory."""
        return list(self._owners)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with a text."""
        return [key for key in self._paths if key.startswith(prefix)]

    def path_of(self, key: str) -> str | None:
        """Return the path of a row's file."""
        return self._paths.get(key)

    def owner_of(self, path: str) -> str | None:
        """Return the key of the row that a file belongs to."""
        return self._owners.get(path)

    def reload(self) -> int:
        """Read what this or another process has added since the last time; count the lines."""
        try:
            with self.path.open("rb") as file:
                number = os.fstat(file.fileno()).st_ino
                if number != self._file:
                    # Another process has rewritten it.
                    self._read, self._file = 0, number
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return 0
        lines = data.splitlines()
        for line in lines:
            try:
                key, path = json.loads(line)
            except ValueError:
                # A process was killed while it wrote the line, so that it touched no file after.
                continue
            self._note(key, path)
        self._read += len(data)
        return len(lines)

    def add(self, entries: Iterable[tuple[str, str | None]]) -> None:
        """Record the paths of rows; None for a row that has no file any more."""
        lines = []
        for key, path in entries:
            self._note(key, path)
            lines.append(json.dumps([key, path]))
        if lines:
            # The first line may follow one that a killed process left unfinished.
            text = "\n" + "\n".join(lines) + "\n"
            with self._lock, self.path.open("ab") as file:
                file.write(text.encode())

    def remove(self) -> None:
        """Remove the manifest itself."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".lock").unlink(missing_ok=True)
        self._paths, self._owners, self._read = {}, {}, 0

    def _note(self, key: str, path: str | None) -> None:
        old = self._paths.pop(key, None)
        if old is not None and self._owners.get(old) == key:
            del self._owners[old]
        if path is not None:
            self._paths[key] = path
            self._owners[path] = key

    def _compact(self) -> None:
        lines = [json.dumps(item) + "\n" for item in self._paths.items()]
        new = self.path.with_suffix(".new")
        new.write_text("".join(lines), encoding="utf-8")
        new.replace(self.path)
        found = self.path.stat()
        self._read, self._file = found.st_size, found.st_ino
