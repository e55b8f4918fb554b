"""Source reader: a project's files as they are on disk now; none outside of it is ever opened."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coco_core.decoding import SourceText, decode
from coco_core.errors import DocumentNotFound, PathRefused, Unreadable
from coco_core.types import Chunk, Span, text_hash
from coco_local.source.regular_file import open_regular

__all__ = ["SourceFile", "SourceReader"]

# Only here the text is what the bytes say, so that a part can be decoded without the whole.
_SLICEABLE = "utf-8"

_LINE_FEED = ord("\n")

# Parts of a path that do not lead down.
_NOT_DOWN = frozenset({"", ".", ".."})


@dataclass
class SourceFile:
    """One file's bytes, decoded as far as somebody asks."""

    doc_id: str
    data: bytes
    size: int
    mtime_ns: int
    encoding: str

    @cached_property
    def source(self) -> SourceText:
        """The whole text."""
        return decode(self.data)

    @cached_property
    def lines(self) -> list[str]:
        """Lines with their ends; only a line feed ends one, as in the core's decoding."""
        return [part + "\n" for part in self.source.text.split("\n")][:-1] + self._last_line()

    def _last_line(self) -> list[str]:
        last = self.source.text.rpartition("\n")[2]
        return [last] if last else []

    @cached_property
    def _line_feeds(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.frombuffer(self.data, np.uint8) == _LINE_FEED)

    def text_between(self, start_line: int, end_line: int) -> str:
        """Return the text of some lines, 1-based inclusive, as far as there are so many.

        Only what is asked for is decoded where the text is what the bytes say.
        """
        if self.encoding != _SLICEABLE:
            return "".join(self.lines[start_line - 1 : end_line])
        feeds = self._line_feeds
        if start_line - 1 > len(feeds):
            return ""
        start = int(feeds[start_line - 2]) + 1 if start_line > 1 else 0
        end = int(feeds[end_line - 1]) if end_line <= len(feeds) else len(self.data)
        # A line feed is one byte, and part of no other character.
        return self.data[start:end].decode(_SLICEABLE, "replace")

    def text_of_lines(self, start_line: int, end_line: int) -> list[str]:
        """Return lines without their ends; fewer where the file ends before."""
        text = self.text_between(start_line, end_line)
        if not text and start_line > self._line_count:
            return []
        found = text.removesuffix("\n").split("\n")
        return [line.removesuffix("\r") for line in found] if "\r" in text else found

    @property
    def _line_count(self) -> int:
        """What follows the last line feed is a line only where there is something."""
        if self.encoding != _SLICEABLE:
            return len(self.lines)
        return len(self._line_feeds) + (not self.data.endswith(b"\n") and self.data != b"")

    def text_of(self, chunk: Chunk) -> str | None:
        """Return a chunk's text if it still stands where it was, at the same bytes."""
        text = self._text_at(chunk.span)
        return text if text is not None and text_hash(text) == chunk.content_hash else None

    def _text_at(self, span: Span) -> str | None:
        if self.encoding != _SLICEABLE:
            return "".join(self.lines[span.start_line - 1 : span.end_line])
        if span.end_byte > len(self.data):
            return None
        try:
            return self.data[span.start_byte : span.end_byte].decode(_SLICEABLE)
        except UnicodeDecodeError:
            return None


class SourceReader:
    """Opens documents of one project."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self._real_root = os.path.realpath(root)
        self._max_bytes = max_bytes

    def resolve(self, doc_id: str) -> Path:
        """Return the path of a document.

        Raises:
            PathRefused: it leads out of the project, also through symbolic links.
        """
        return Path(self._path(doc_id))

    def _path(self, doc_id: str) -> str:
        path = os.path.join(self.root, doc_id)  # noqa: PTH118  # a doc_id may hold any byte
        if self._is_plain(doc_id):
            return path
        real = os.path.realpath(path)
        if "\0" in doc_id or not (
            real == self._real_root or real.startswith(self._real_root + os.sep)
        ):
            raise PathRefused(
                f"{doc_id!r} is not inside the project {str(self.root)!r}.",
                hint="Give a path relative to the project's root.",
            )
        return path

    def _is_plain(self, doc_id: str) -> bool:
        """Whether nothing on the way from the root is a link or leads up.

        True of nearly every file, and found with a third of the calls that resolving takes.
        """
        at = self._real_root
        for part in doc_id.split("/"):
            if part in _NOT_DOWN or os.sep != "/":
                return False
            at = f"{at}/{part}"
            try:
                if stat.S_ISLNK(os.lstat(at).st_mode):
                    return False
            except (OSError, ValueError):
                return False
        return True

    def open(self, doc_id: str, encoding: str, max_bytes: int | None = None) -> SourceFile | None:
        """Read a document; None when it is gone, unreadable or leads out of the project.

        ``max_bytes`` is by default the size up to which files are indexed.
        """
        try:
            opened = open_regular(self._path(doc_id))
            if opened is None:
                return None
            file, status = opened
            with file:
                if status.st_size > (max_bytes or self._max_bytes):
                    return None
                data = file.readall()
        except (OSError, PathRefused, ValueError):
            return None
        return SourceFile(doc_id, data, status.st_size, status.st_mtime_ns, encoding)

    def require(self, doc_id: str, max_bytes: int | None = None) -> SourceFile:
        """Read a document that a caller named; ``max_bytes`` as in `open`.

        Raises:
            PathRefused: it leads out of the project.
            DocumentNotFound: there is no such file.
            Unreadable: it cannot be read.
        """
        path = self.resolve(doc_id)
        # Unlike Path.is_file, it says no to a name that is too long for the file system.
        if not os.path.isfile(path):  # noqa: PTH113  # see above
            raise DocumentNotFound(
                f"There is no file {doc_id!r} in {str(self.root)!r}.",
                hint="Paths are relative to the project's root.",
            )
        file = self.open(doc_id, "", max_bytes)
        if file is None:
            most = max_bytes or self._max_bytes
            raise Unreadable(f"{doc_id!r} cannot be read, or is larger than {most} bytes.")
        return file
