"""Directories of this machine as a source: walked once, or walked and then watched."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path, PurePath

from coco_flow import components as coco
from coco_flow.components.connectorkits.fingerprint import fingerprint_bytes
from coco_flow.components.connectors.localfs.path import FilePath, to_file_path
from coco_flow.components.file import (
    FileLike,
    FileMetadata,
    FilePathMatcher,
    MatchAllFilePathMatcher,
)
from coco_flow.components.memo_key import MemoStateOutcome
from coco_flow.components.sentinel import NonExistenceType, is_non_existence
from coco_flow.sources.file_patterns import FilePatterns
from coco_flow.sources.folder_scan import FolderScan, change_token, is_settled

__all__ = ["DirWalker", "File", "stat_to_metadata", "walk_dir"]

DEFAULT_RESCAN_INTERVAL = timedelta(hours=1)

# Up to this size, reading a file takes less time than the switch to a thread.
INLINE_BYTES = 256 * 1024


def stat_to_metadata(stat: os.stat_result) -> FileMetadata:
    """Return size and modification time, the latter in local time with microseconds."""
    seconds, nanoseconds = divmod(stat.st_mtime_ns, 1_000_000_000)
    modified = datetime.fromtimestamp(seconds).replace(  # noqa: DTZ006 - local time is the contract
        microsecond=nanoseconds // 1_000
    )
    return FileMetadata(stat.st_size, modified)


class File(FileLike[Path]):
    """A file of this machine.

    As an argument of a memoized function it counts as unchanged while modification time, size and
    inode are the same; else its content decides.
    """

    def __init__(self, file_path: FilePath, *, _stat: os.stat_result | None = None) -> None:
        super().__init__(file_path)
        # Empty if the same token may have another content, so that none is equal to it.
        self._token = b""
        if _stat is not None:
            self._looked_at(_stat)

    def _looked_at(self, stat: os.stat_result) -> FileMetadata:
        self._metadata = stat_to_metadata(stat)
        self._token = change_token(stat) if is_settled(stat, time.time_ns()) else b""
        return self._metadata

    async def _fetch_metadata(self) -> FileMetadata:
        return self._looked_at(self._file_path.resolve().stat())

    async def _read_impl(self, size: int = -1) -> bytes:
        path = self._file_path.resolve()
        expected = (await self._ensure_metadata()).size if size < 0 else size
        if expected <= INLINE_BYTES:
            return _read(path, size)
        return await asyncio.to_thread(_read, path, size)

    async def __coco_memo_state__(  # type: ignore[override]  # the state is this class's own
        self, prev_state: tuple[bytes, bytes] | NonExistenceType
    ) -> MemoStateOutcome:
        """Compare the change token, then the content, with those of the previous run."""
        await self._ensure_metadata()
        token = self._token
        if token and not is_non_existence(prev_state) and prev_state[0] == token:
            return MemoStateOutcome(prev_state, memo_valid=True)
        digest = fingerprint_bytes(await self.read())
        same = not is_non_existence(prev_state) and digest == prev_state[1]
        return MemoStateOutcome((token, digest), memo_valid=same)


def _read(path: Path, size: int) -> bytes:
    with path.open("rb") as opened:
        return opened.read(size)


class _MatcherPatterns(FilePatterns):
    """A path matcher in the terms of a folder scan."""

    __slots__ = ("_matcher", "_recursive")

    def __init__(self, matcher: FilePathMatcher, recursive: bool) -> None:
        super().__init__()
        self._matcher = matcher
        self._recursive = recursive

    def file_matches(self, path: str) -> bool:
        return self._matcher.is_file_included(PurePath(path))

    def enters(self, folder: str) -> bool:
        return self._recursive and self._matcher.is_dir_included(PurePath(folder))

    def reaches(self, path: str) -> bool:
        return all(self.enters(folder) for folder in _folders_above(path))

    def accepts(self, path: str) -> bool:
        return self.file_matches(path) and self.reaches(path)


def _folders_above(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


class DirWalker:
    """The files of a directory; iterate over it, or give `items()` to `mount_each`."""

    def __init__(
        self,
        path: FilePath | Path | coco.ContextKey[Path],
        *,
        live: bool = False,
        recursive: bool = False,
        path_matcher: FilePathMatcher | None = None,
        rescan_interval: timedelta | None = DEFAULT_RESCAN_INTERVAL,
    ) -> None:
        self._root_path = to_file_path(path)
        self._live = live
        self._recursive = recursive
        self._path_matcher = path_matcher or MatchAllFilePathMatcher()
        self._rescan_interval = rescan_interval

    def items(self) -> AsyncIterable[tuple[str, File]]:
        """Return the files by relative path; if the walk is live, as a view that can be watched."""
        if self._live:
            from coco_flow.components.connectors.localfs.watch import LiveDirectory

            return LiveDirectory(self)
        return self._keyed()

    async def _keyed(self) -> AsyncIterator[tuple[str, File]]:
        root = self._root_path.path
        async for found in self:
            yield found.file_path.path.relative_to(root).as_posix(), found

    async def __aiter__(self) -> AsyncIterator[File]:
        # Where the walk starts depends on the context, which threads have not.
        batches = self._batches(self.scan())
        while batch := await asyncio.to_thread(next, batches, None):
            for found in batch:
                yield found

    def scan(self) -> FolderScan:
        """Return what lists the files.

        Raises:
            ValueError: There is no such directory.
        """
        root = self._root_path.resolve()
        if not root.is_dir():
            raise ValueError(f"Path is not a directory: {root}")
        return FolderScan(str(root), _MatcherPatterns(self._path_matcher, self._recursive))

    def _batches(self, scan: FolderScan) -> Iterator[list[File]]:
        for batch in scan.batches():
            yield [found for row in batch if (found := self.find(scan, row.key[0])) is not None]

    def find(self, scan: FolderScan, name: str) -> File | None:
        """Return the file of a relative path, or None if it is gone."""
        try:
            stat = Path(scan.root, name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return File(self._root_path / name, _stat=stat)

    def _walk_sync(self) -> Iterator[File]:
        for batch in self._batches(self.scan()):
            yield from batch


def walk_dir(
    path: FilePath | Path | coco.ContextKey[Path],
    *,
    live: bool = False,
    recursive: bool = False,
    path_matcher: FilePathMatcher | None = None,
    rescan_interval: timedelta | None = DEFAULT_RESCAN_INTERVAL,
) -> DirWalker:
    """Return the files of a directory.

    Args:
        path: The directory: a path, or a context key that provides one.
        live: Whether `items()` can be watched.
        recursive: Whether directories below are entered.
        path_matcher: Chooses files and directories; all by default.
        rescan_interval: After how long a live walk walks again, in case the system lost an event.
    """
    return DirWalker(
        path,
        live=live,
        recursive=recursive,
        path_matcher=path_matcher,
        rescan_interval=rescan_interval,
    )
