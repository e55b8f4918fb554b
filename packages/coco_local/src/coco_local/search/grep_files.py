"""Files of a grep: which are searched, how each is decoded, and which were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coco_core.decoding import decode
from coco_core.errors import Unavailable
from coco_core.globs import compile_glob
from coco_core.languages import detect_language, language
from coco_core.quantities import count
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.scan import Reason, refuse_content, refuse_secret_file
from coco_local.search.absent import absent_paths
from coco_local.search.ripgrep import count_matches
from coco_local.source.regular_file import open_regular
from coco_protocol.grep import GrepEmptyReason, GrepRequest

__all__ = ["GrepFiles", "Wanted", "ignored_matches", "unsearched"]

# As much as tells an encoding, and text from anything else.
_HEAD_BYTES = 65_536

# Files that a notice names; all of them are counted.
_NAMED = 3

# Reasons that a user lifts with one option.
_IGNORED = frozenset({Reason.IGNORED, Reason.ENVIRONMENT})

# Content that no text search shows.
_CLOSED = frozenset({Reason.BINARY, Reason.SECRET})

# Hidden files and ignored ones; git's own data is nobody's source.
_EVERYTHING = ("--no-ignore", "--hidden", "--glob", "!.git")


class Wanted:
    """What a request says of paths and languages."""

    def __init__(self, request: GrepRequest) -> None:
        """Read the conditions.

        Raises:
            InvalidInput: a language does not exist, or a glob is none.
        """
        self.include = request.include
        self._include = [compile_glob(pattern) for pattern in request.include]
        self._exclude = [compile_glob(pattern) for pattern in request.exclude]
        self.languages = {language(name).name for name in request.languages}

    def path(self, name: str) -> bool:
        """Whether a file of that name is asked for."""
        included = not self._include or any(glob.fullmatch(name) for glob in self._include)
        return included and not any(glob.fullmatch(name) for glob in self._exclude)

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
                    encoding = _encoding(root / name)
                    if encoding is not None:
                        chosen[name] = encoding
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
    return "no_such_path" if wanted.include else "filtered_out"


def _encoding(path: Path) -> str | None:
    """Return a file's encoding as its first bytes tell it; None for what no search may show."""
    try:
        opened = open_regular(path)
        if opened is None:
            return None
        with opened[0] as file:
            head = file.read(_HEAD_BYTES)
        if refuse_secret_file(str(path), path.name) is not None:
            return None
    except OSError:
        return None
    return None if refuse_content(path.name, head) in _CLOSED else decode(head).encoding


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
                if reason in _IGNORED and _encoding(root / name) is not None:
                    reasons[name] = reason
    except Unavailable:
        return reasons, False
    return reasons, True


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
