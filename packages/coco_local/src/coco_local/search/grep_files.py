"""Files of a grep: which are searched, how each is decoded, and which were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from coco_core.decoding import decode
from coco_core.errors import Unavailable
from coco_core.globs import compile_glob
from coco_core.languages import detect_language, language
from coco_core.quantities import byte_count, count
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.scan import Reason, refuse_content, refuse_secret_file
from coco_local.search.absent import absent_paths
from coco_local.search.path_filter import path_filter
from coco_local.search.ripgrep import count_matches
from coco_local.source.regular_file import open_regular
from coco_protocol.grep import GrepEmptyReason, GrepRequest

__all__ = [
    "READABLE_BYTES",
    "GrepFiles",
    "Wanted",
    "ignored_matches",
    "text_encoding",
    "too_large_notice",
    "unsearched",
]

READABLE_BYTES: Final = 67_108_864
"""Text searches and `read` take larger files than the index does, up to here: an answer must not
wait for gigabytes of data."""

# As much as tells an encoding, and text from anything else.
_HEAD_BYTES = 65_536

# Files that a notice names; all of them are counted.
_NAMED = 3

# Reasons that a user lifts with one option.
_IGNORED = frozenset({Reason.IGNORED, Reason.ENVIRONMENT})

# Content that no text search shows.
_CLOSED = frozenset({Reason.BINARY, Reason.SECRET})

# Hidden files and ignored ones; git's own data is no source.
_EVERYTHING = ("--no-ignore", "--hidden", "--glob", "!.git")


class Wanted:
    """What a request says of paths and languages."""

    def __init__(self, root: Path, request: GrepRequest) -> None:
        """Read the conditions.

        Raises:
            InvalidInput: a language or a revision does not exist, or a glob is none.
        """
        self.include = request.include
        self._allowed = path_filter(root, request)
        self.languages = {language(name).name for name in request.languages}

    def path(self, name: str) -> bool:
        """Whether a file of that name is asked for."""
        return self._allowed(name)

    def language(self, name: str) -> bool:
        """Whether files of that language are asked for."""
        return not self.languages or name in self.languages


@dataclass(slots=True)
class GrepFiles:
    """The files of one grep, each with its encoding."""

    indexed: dict[str, str] = field(default_factory=dict)
    """Also those that wait to be indexed."""
    others: dict[str, str] = field(default_factory=dict)
    """What has no place in the index: too large, minified, a lock file, or ignored."""
    too_large: list[str] = field(default_factory=list)
    """What is even larger than a text search takes."""
    empty_reason: GrepEmptyReason | None = None
    """Why there are none at all."""
    notice: str | None = None

    @classmethod
    def of(cls, indexer: ProjectIndexer, wanted: Wanted, ignored: Iterable[str] = ()) -> GrepFiles:
        """Choose what is asked for of the project's files, and of some that are ignored."""
        files = cls()
        root = indexer.project.root
        documents = dict(indexer.index.memory.documents)
        waiting = set(indexer.backlog.files.all()) - documents.keys()
        others = {*indexer.files.only_text, *ignored} - documents.keys() - waiting
        for name, entry in documents.items():
            if wanted.path(name) and wanted.language(entry.document.language):
                files.indexed[name] = entry.document.encoding
        for names, chosen in ((waiting, files.indexed), (others, files.others)):
            for name in names:
                if wanted.path(name) and wanted.language(detect_language(name)):
                    encoding = text_encoding(root / name)
                    if encoding is not None:
                        chosen[name] = encoding
                    elif _size(root / name) > READABLE_BYTES:
                        files.too_large.append(name)
        names = {*documents, *waiting, *others}
        files.notice = absent_paths(indexer.scan, wanted.include, names, "searched")
        if not files.indexed and not files.others:
            files.empty_reason = _why_none(wanted, names)
        return files


def _why_none(wanted: Wanted, names: Collection[str]) -> GrepEmptyReason:
    if not names:
        return "no_files"
    if any(wanted.path(name) for name in names):
        return "no_such_language" if wanted.languages else "filtered_out"
    globs = [compile_glob(pattern) for pattern in wanted.include]
    somewhere = any(glob.fullmatch(name) for glob in globs for name in names)
    return "filtered_out" if somewhere or not globs else "no_such_path"


def text_encoding(path: Path) -> str | None:
    """Return a file's encoding as its first bytes tell it; None for what no search may show."""
    try:
        opened = open_regular(path)
        if opened is None:
            return None
        file, status = opened
        with file:
            if status.st_size > READABLE_BYTES:
                return None
            head = file.read(_HEAD_BYTES)
        if refuse_secret_file(str(path), path.name) is not None:
            return None
    except OSError:
        return None
    return None if refuse_content(path.name, head) in _CLOSED else decode(head).encoding


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def ignored_matches(
    indexer: ProjectIndexer,
    wanted: Wanted,
    arguments: Sequence[str],
    patterns: Sequence[str],
    seconds: float,
) -> tuple[dict[str, str], bool]:
    """Return the ignored text files that match, with the reason; False when there was no time."""
    root = indexer.project.root
    reasons: dict[str, str] = {}
    given = [*arguments, *_EVERYTHING]
    try:
        for name, _ in count_matches(root, given, patterns, [""], seconds):
            if wanted.path(name) and wanted.language(detect_language(name)):
                reason = indexer.scan.decide(root / name).reason
                if reason in _IGNORED and text_encoding(root / name) is not None:
                    reasons[name] = reason
    except Unavailable:
        return reasons, False
    return reasons, True


def too_large_notice(names: Sequence[str]) -> str | None:
    """Say which files are larger than what is searched; None when none are."""
    if not names:
        return None
    shown = ", ".join(sorted(names)[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    were = "was" if len(names) == 1 else "were"
    files = count(len(names), "file")
    return f"{files} larger than {byte_count(READABLE_BYTES)} {were} not searched: {shown}."


def unsearched(reasons: Mapping[str, str], *, complete: bool) -> str | None:
    """Say which files match and were not searched; None when all were, and none do."""
    if not reasons:
        return None if complete else "Ignored files were not searched."
    kinds = ", ".join(f"{number} {kind}" for kind, number in Counter(reasons.values()).items())
    names = sorted(reasons)
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    verb = "that was not searched contains" if len(names) == 1 else "that were not searched contain"
    least = "" if complete else "at least "
    said = f"{least}{count(len(names), 'file')} {verb} it: {kinds} ({shown})."
    return said[:1].upper() + said[1:]
