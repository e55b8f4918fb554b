"""Source of the files below a folder of this machine."""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from coco_flow.errors import RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow, Watch
from coco_flow.sources.file_content import FileContent
from coco_flow.sources.file_patterns import FilePatterns
from coco_flow.sources.folder_scan import FolderScan, change_token, is_settled
from coco_flow.sources.registry import register_source

if TYPE_CHECKING:
    from coco_flow.sources.folder_watch import FolderWatch

__all__ = ["LocalFile", "LocalFileSource"]

# A file that became a pipe since it was listed must not make the reader wait for a writer.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_GONE = ReadRow(None)

# Errors of opening a file that does not exist, or no longer.
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO}


class LocalFile(SourceSpec):
    """Files below a folder, as rows of `filename` (relative, with "/") and `content`.

    Attributes:
        path: The folder; a relative one starts at the working directory.
        binary: Give the content as bytes instead of text.
        included_patterns: Only files that match one of these; `*` matches "/" too.
        excluded_patterns: No files, and nothing below folders, that match one of these.
        max_file_size: Larger files, in bytes, are ignored.
        watch_changes: In live mode, process changes as soon as the system reports them.
        strict: Text that is not valid in its encoding fails the row, instead of losing the
            offending bytes to U+FFFD.
        follow_links: Read what symbolic links lead to; otherwise links are left out.
    """

    path: str
    binary: bool = False
    included_patterns: list[str] | None = None
    excluded_patterns: list[str] | None = None
    max_file_size: int | None = None
    watch_changes: bool = False
    strict: bool = False
    follow_links: bool = True


class LocalFileSource:
    """Lists, reads and watches the files of one `LocalFile`."""

    def __init__(self, spec: LocalFile) -> None:
        self._content = FileContent(binary=spec.binary, strict=spec.strict)
        self.schema = self._content.schema
        self.content_options: object = self._content.options
        self.change_capture = "file system events" if spec.watch_changes else None
        self._root = os.path.abspath(spec.path)  # noqa: PTH100 - keeps links in the path
        self._scan = FolderScan(
            self._root,
            FilePatterns(spec.included_patterns, spec.excluded_patterns),
            follow_links=spec.follow_links,
            max_file_size=spec.max_file_size,
        )
        self._watches_changes = spec.watch_changes
        self._watch: FolderWatch | None = None

    def list_rows(self) -> Iterator[list[ListedRow]]:
        """Yield all files in batches, in the file system's order."""
        return self._scan.batches()

    def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read files; what cannot be read fails that row only."""
        rows: list[ReadRow | Exception] = []
        for (name,) in keys:
            try:
                rows.append(self._read(name))
            except RowFailed as error:
                rows.append(error)
            except OSError as error:
                rows.append(_GONE if error.errno in _MISSING else _unreadable(name, error))
        return rows

    def watch(self) -> Watch | None:
        """Begin to watch; every change after this call returns will be reported."""
        if not self._watches_changes:
            return None
        from coco_flow.sources.folder_watch import FolderWatch

        self.close()
        self._watch = FolderWatch(self._scan)
        return self._watch

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _read(self, name: str) -> ReadRow:
        if not self._belongs(name):
            return _GONE
        # Keys come from outside too, so the path is made only of a name that stays below the root.
        descriptor = os.open(f"{self._root}/{name}", _OPEN_FLAGS)
        with io.FileIO(descriptor) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return _GONE
            limit = self._scan.max_file_size
            if limit is not None and status.st_size > limit:
                return _GONE
            # The status is older than the content, so a change in between shows at the next scan.
            now = time.time_ns()
            data = file.readall()
        settled = is_settled(status, now)
        return ReadRow(self._content.row(data, name), change_token(status), settled=settled)

    def _belongs(self, name: str) -> bool:
        if "\0" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
            return False
        if not self._scan.patterns.accepts(name):
            return False
        if self._scan.follow_links:
            return True
        root = os.path.realpath(self._root)
        return os.path.realpath(f"{self._root}/{name}") == f"{root}/{name}"


def _unreadable(name: str, error: OSError) -> RowFailed:
    failed = RowFailed(
        f"The file {name!r} cannot be read: {error.strerror}.",
        hint="Make it readable, or exclude it with excluded_patterns.",
    )
    failed.__cause__ = error
    return failed


register_source(LocalFile, LocalFileSource)
