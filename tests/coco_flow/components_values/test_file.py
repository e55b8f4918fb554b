from __future__ import annotations

import asyncio
import codecs
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import pytest

from coco_flow.components.file import (
    FileLike,
    FileMetadata,
    FilePath,
    PatternFilePathMatcher,
    decode_bytes,
)
from coco_flow.components.memo_key import memo_fingerprint
from coco_flow.components.sentinel import NON_EXISTENCE


class MemoryPath(FilePath[str]):
    def resolve(self) -> str:
        return str(self._path)

    def _with_path(self, path: PurePath) -> MemoryPath:
        return MemoryPath(self._base_dir, path)


class MemoryFile(FileLike[str]):
    def __init__(self, content: bytes, minute: int, etag: bytes | None = None) -> None:
        super().__init__(MemoryPath(None, PurePath("a.txt")))
        self.content = content
        self.minute = minute
        self.etag = etag
        self.reads = 0

    async def _fetch_metadata(self) -> FileMetadata:
        return FileMetadata(
            len(self.content), datetime(2026, 1, 1, 0, self.minute, tzinfo=UTC), self.etag
        )

    async def _read_impl(self, size: int = -1) -> bytes:
        self.reads += 1
        return self.content if size < 0 else self.content[:size]


def state(file: MemoryFile, previous: Any = NON_EXISTENCE) -> Any:
    return asyncio.run(file.__coco_memo_state__(previous))


def test_content_is_read_once_and_parts_come_from_it() -> None:
    async def main() -> None:
        file = MemoryFile(b"content", 1)
        assert await file.read(3) == b"con"
        assert await file.read() == b"content"
        assert await file.read_text() == "content"
        assert await file.read(3) == b"con"
        assert await file.size() == 7
        assert file.reads == 2

    asyncio.run(main())


def test_a_file_counts_as_changed_when_its_content_has() -> None:
    first = state(MemoryFile(b"one", 1))
    assert not first.memo_valid
    untouched = MemoryFile(b"one", 1)
    assert state(untouched, first.state).memo_valid
    assert untouched.reads == 0
    touched = state(MemoryFile(b"one", 2), first.state)
    assert touched.memo_valid
    assert touched.state != first.state
    assert not state(MemoryFile(b"two", 2), first.state).memo_valid


def test_a_digest_of_the_source_spares_reading() -> None:
    file = MemoryFile(b"one", 1, etag=b"tag")
    assert state(file).state[1] == b"tag"
    assert file.reads == 0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é".encode(), "é"),
        (codecs.BOM_UTF8 + "é".encode(), "é"),
        ("é".encode("utf-16"), "é"),
        ("é".encode("utf-32"), "é"),
        (b"a\xffb", "a\ufffdb"),
    ],
)
def test_a_byte_order_mark_decides_the_encoding(data: bytes, text: str) -> None:
    assert decode_bytes(data, None, "replace") == text


def test_a_path_is_identified_by_the_key_of_its_base() -> None:
    path = MemoryPath(None, PurePath("a/b.tar.gz"))
    assert path.parent / "c" == MemoryPath(None, PurePath("a/c"))
    assert path.with_suffix(".zip").name == "b.tar.zip"
    assert sorted([path, path.parent]) == [path.parent, path]
    assert memo_fingerprint(path) == memo_fingerprint(MemoryPath(None, PurePath("a/b.tar.gz")))
    assert path != "a/b.tar.gz"


def included(path: str, patterns: PatternFilePathMatcher) -> tuple[bool, bool]:
    return patterns.is_dir_included(PurePath(path)), patterns.is_file_included(PurePath(path))


def test_negated_patterns_let_paths_through_and_open_the_way_to_them() -> None:
    hidden = PatternFilePathMatcher(excluded_patterns=["**/.*", "!**/.github/**"])
    assert included(".git", hidden) == (False, False)
    assert included(".github", hidden) == (True, False)
    assert included("x/.github", hidden) == (True, False)
    assert included(".github/a.yml", hidden) == (True, True)
    build = PatternFilePathMatcher(excluded_patterns=["build", "build/**", "!build/docs/*.md"])
    assert build.is_dir_included(PurePath("build"))
    assert build.is_dir_included(PurePath("build/docs"))
    assert not build.is_dir_included(PurePath("build/lib"))
    assert build.is_file_included(PurePath("build/docs/a.md"))
    assert not build.is_file_included(PurePath("build/docs/a.txt"))


def test_patterns_are_checked_when_the_matcher_is_made() -> None:
    with pytest.raises(ValueError, match="is not a valid file pattern"):
        PatternFilePathMatcher(["[a"])
