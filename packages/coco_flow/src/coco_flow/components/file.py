"""Files as sources show them: paths with a stable base, content read when needed, patterns."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, Self, TypeVar

from coco_flow.components.connectorkits.fingerprint import fingerprint_bytes
from coco_flow.components.memo_key import MemoStateOutcome
from coco_flow.components.sentinel import NonExistenceType, is_non_existence

if TYPE_CHECKING:
    from coco_flow.components import ContextKey

__all__ = [
    "FileLike",
    "FileMetadata",
    "FilePath",
    "FilePathMatcher",
    "MatchAllFilePathMatcher",
    "PatternFilePathMatcher",
]

ResolvedPathT = TypeVar("ResolvedPathT")

# UTF-32's mark begins with that of UTF-16, so it must be looked for first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def decode_bytes(data: bytes, encoding: str | None, errors: str) -> str:
    """Decode text; without an encoding, a byte order mark decides, else it is UTF-8."""
    if encoding is None:
        marked = (name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark))
        encoding = next(marked, "utf-8")
    return data.decode(encoding, errors)


class FileMetadata(NamedTuple):
    """Metadata of a file that a source has without reading it.

    Attributes:
        size: Bytes.
        modified_time: When the content was last written.
        content_fingerprint: A digest of the content that the source keeps, such as an ETag.
    """

    size: int
    modified_time: datetime
    content_fingerprint: bytes | None = None


class FileLike(ABC, Generic[ResolvedPathT]):
    """A file of some source; metadata and content are fetched when needed, and once.

    As an argument of a memoized function it counts as changed when its content has changed; the
    content is looked at only if the modification time has changed.
    """

    def __init__(
        self, file_path: FilePath[ResolvedPathT], *, _metadata: FileMetadata | None = None
    ) -> None:
        self._file_path = file_path
        self._metadata = _metadata
        self._cached_content: bytes | None = None
        self._cached_content_fingerprint: bytes | None = None

    @property
    def file_path(self) -> FilePath[ResolvedPathT]:
        """The file's path."""
        return self._file_path

    @abstractmethod
    async def _fetch_metadata(self) -> FileMetadata:
        """Request the metadata from the source."""

    @abstractmethod
    async def _read_impl(self, size: int = -1) -> bytes:
        """Read `size` bytes from the source, or all."""

    async def _ensure_metadata(self) -> FileMetadata:
        if self._metadata is None:
            self._metadata = await self._fetch_metadata()
        return self._metadata

    async def size(self) -> int:
        """Return the number of bytes."""
        return (await self._ensure_metadata()).size

    async def read(self, size: int = -1) -> bytes:
        """Return the first `size` bytes, or all, which are then kept."""
        if size < 0:
            if self._cached_content is None:
                self._cached_content = await self._read_impl()
            return self._cached_content
        if self._cached_content is not None:
            return self._cached_content[:size]
        return await self._read_impl(size)

    async def read_text(self, encoding: str | None = None, errors: str = "replace") -> str:
        """Return the content as text; a byte order mark decides the encoding, else UTF-8."""
        return decode_bytes(await self.read(), encoding, errors)

    async def _compute_content_fingerprint(self) -> bytes:
        metadata = await self._ensure_metadata()
        if metadata.content_fingerprint is not None:
            return metadata.content_fingerprint
        return fingerprint_bytes(await self.read())

    async def content_fingerprint(self) -> bytes:
        """Return a digest of the content, the source's own if it has one."""
        if self._cached_content_fingerprint is None:
            self._cached_content_fingerprint = await self._compute_content_fingerprint()
        return self._cached_content_fingerprint

    def __coco_memo_key__(self) -> object:
        """Identify the file; whether it has changed is the state's affair."""
        return self._file_path.__coco_memo_key__()

    async def __coco_memo_state__(
        self, prev_state: tuple[datetime, bytes] | NonExistenceType
    ) -> MemoStateOutcome:
        """Compare the modification time, then the content, with those of the previous run."""
        modified = (await self._ensure_metadata()).modified_time
        if is_non_existence(prev_state):
            return MemoStateOutcome((modified, await self.content_fingerprint()))
        if modified == prev_state[0]:
            return MemoStateOutcome(prev_state, memo_valid=True)
        digest = await self.content_fingerprint()
        return MemoStateOutcome((modified, digest), memo_valid=digest == prev_state[1])


class FilePathMatcher(Protocol):
    """Chooses files by their path relative to the root."""

    def is_dir_included(self, path: PurePath) -> bool:
        """Say whether a directory is to be entered."""
        ...

    def is_file_included(self, path: PurePath) -> bool:
        """Say whether a file is wanted."""
        ...


class MatchAllFilePathMatcher(FilePathMatcher):
    """Chooses every file."""

    def is_dir_included(self, path: PurePath) -> bool:  # noqa: ARG002
        """Enter every directory."""
        return True

    def is_file_included(self, path: PurePath) -> bool:  # noqa: ARG002
        """Take every file."""
        return True


class PatternFilePathMatcher(FilePathMatcher):
    """Chooses files by glob patterns over the whole relative path (`coco_flow.sources` has more).

    An excluded pattern with a leading `!` includes what it matches, wherever it is in the
    list: with `["**/.*", "!**/.github/**"]` only one of the hidden directories is entered.
    """

    def __init__(
        self,
        included_patterns: list[str] | None = None,
        excluded_patterns: list[str] | None = None,
    ) -> None:
        """Compile the patterns; without included ones, every file is included.

        Raises:
            ValueError: A pattern is not valid.
        """
        from coco_flow.sources.file_patterns import FilePatterns

        excluded = excluded_patterns or []
        allowed = [pattern[1:] for pattern in excluded if pattern.startswith("!")]
        self._key = (tuple(included_patterns or ()), tuple(excluded))
        self._included = FilePatterns(included_patterns)
        self._excluded = FilePatterns(None, [p for p in excluded if not p.startswith("!")])
        self._allowed = FilePatterns(allowed)
        self._ways_to_allowed = FilePatterns([way for p in allowed for way in _ways(p)])

    def is_dir_included(self, path: PurePath) -> bool:
        """Say whether a directory may hold wanted files."""
        name = path.as_posix()
        return self._excluded.enters(name) or self._ways_to_allowed.file_matches(name)

    def is_file_included(self, path: PurePath) -> bool:
        """Say whether a file of an included directory is wanted."""
        name = path.as_posix()
        return self._included.file_matches(name) and (
            self._excluded.file_matches(name) or self._allowed.file_matches(name)
        )

    def __coco_memo_key__(self) -> object:
        """Return the patterns."""
        return self._key


def _ways(pattern: str) -> list[str]:
    """Return the patterns of directories on the way to what a pattern matches, and itself."""
    parts = pattern.split("/")
    ways = ["/".join(parts[:end]) for end in range(1, len(parts))]
    # A prefix that everything matches would open every excluded directory. One that ends inside
    # braces is no pattern.
    return [
        *(way for way in ways if way.strip("*/") and way.count("{") == way.count("}")),
        pattern,
    ]


class FilePath(Generic[ResolvedPathT]):
    """A path relative to a base directory that a context key names.

    Memos of the file depend on the key and the relative path, so that the base directory
    may be moved. A subclass says by `resolve` what the path leads to, and by `_with_path` how to
    make another path of its kind.
    """

    __slots__ = ("_base_dir", "_path")

    def __init__(self, base_dir: ContextKey[ResolvedPathT] | None, path: PurePath) -> None:
        self._base_dir = base_dir
        self._path = path

    @abstractmethod
    def resolve(self) -> ResolvedPathT:
        """Return what the path leads to."""

    @abstractmethod
    def _with_path(self, path: PurePath) -> Self:
        """Return another path with the same base."""

    @property
    def base_dir(self) -> ContextKey[ResolvedPathT] | None:
        """The key of the base directory, or None for the current directory."""
        return self._base_dir

    @property
    def path(self) -> PurePath:
        """The path relative to the base directory."""
        return self._path

    @property
    def parent(self) -> Self:
        """The directory that it is in."""
        return self._with_path(self._path.parent)

    @property
    def parents(self) -> Sequence[Self]:
        """The directories above, the nearest first."""
        return tuple(self._with_path(each) for each in self._path.parents)

    @property
    def name(self) -> str:
        """The last part."""
        return self._path.name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return self._path.stem

    @property
    def suffix(self) -> str:
        """The last suffix, with its dot."""
        return self._path.suffix

    @property
    def suffixes(self) -> list[str]:
        """All suffixes of the last part."""
        return self._path.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the relative path."""
        return self._path.parts

    def with_name(self, name: str) -> Self:
        """Return the path with another last part."""
        return self._with_path(self._path.with_name(name))

    def with_stem(self, stem: str) -> Self:
        """Return the path with another stem."""
        return self._with_path(self._path.with_stem(stem))

    def with_suffix(self, suffix: str) -> Self:
        """Return the path with another suffix."""
        return self._with_path(self._path.with_suffix(suffix))

    def with_segments(self, *pathsegments: str) -> Self:
        """Return a path of these parts with the same base."""
        return self._with_path(PurePath(*pathsegments))

    def joinpath(self, *pathsegments: str | PurePath) -> Self:
        """Return the path with parts added."""
        return self._with_path(self._path.joinpath(*pathsegments))

    def is_absolute(self) -> bool:
        """Say whether the path is absolute, in which case the base does not count."""
        return self._path.is_absolute()

    def is_relative_to(self, other: str | PurePath) -> bool:
        """Say whether the path is below another one."""
        return self._path.is_relative_to(other)

    def relative_to(self, other: str | PurePath) -> PurePath:
        """Return the way from another path to this one."""
        return self._path.relative_to(other)

    def match(self, pattern: str) -> bool:
        """Say whether the path ends in what the pattern matches, as pathlib does."""
        return self._path.match(pattern)

    def as_posix(self) -> str:
        """Return the relative path with forward slashes."""
        return self._path.as_posix()

    def __truediv__(self, other: str | PurePath) -> Self:
        return self._with_path(self._path / other)

    def __rtruediv__(self, other: str | PurePath) -> Self:
        return self._with_path(other / self._path)

    def __str__(self) -> str:
        return str(self._path)

    def __repr__(self) -> str:
        base = "" if self._base_dir is None else f", base_dir_key={self._base_dir.key!r}"
        return f"{type(self).__name__}({self._path!r}{base})"

    def __fspath__(self) -> str:
        return str(self.resolve())

    def _identity(self) -> tuple[str | None, PurePath]:
        return (None if self._base_dir is None else self._base_dir.key, self._path)

    def _order(self) -> tuple[bool, str, PurePath]:
        # Paths without a base come first.
        key, path = self._identity()
        return (key is not None, key or "", path)

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, FilePath) else False

    def __hash__(self) -> int:
        return hash(self._identity())

    def __lt__(self, other: FilePath[Any]) -> bool:
        return self._order() < other._order() if isinstance(other, FilePath) else NotImplemented

    def __le__(self, other: FilePath[Any]) -> bool:
        return self._order() <= other._order() if isinstance(other, FilePath) else NotImplemented

    def __gt__(self, other: FilePath[Any]) -> bool:
        return self._order() > other._order() if isinstance(other, FilePath) else NotImplemented

    def __ge__(self, other: FilePath[Any]) -> bool:
        return self._order() >= other._order() if isinstance(other, FilePath) else NotImplemented

    def __coco_memo_key__(self) -> object:
        """Identify the path by the key of its base, not by its present location."""
        return self._path if self._base_dir is None else (self._base_dir.key, self._path)
