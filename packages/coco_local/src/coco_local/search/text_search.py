"""Text search in files of any encoding: each is searched as the index decodes it."""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from heapq import merge
from pathlib import Path

from coco_local.search.ripgrep import LineMatch, count_matches, ripgrep, ripgrep_text
from coco_local.source.regular_file import open_regular

__all__ = ["any_line_end", "count_text", "literal_pattern", "search_text"]

# Python's name of a codec, and the label of the same encoding in the WHATWG's list, which ripgrep
# reads. What is not here is decoded by Python.
_LABELS = {
    "gb2312": "gbk",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "big5hkscs": "big5",
    "cp950": "big5",
    "shift_jis": "shift_jis",
    "cp932": "shift_jis",
    "euc_jp": "euc-jp",
    "euc_kr": "euc-kr",
    "cp949": "euc-kr",
    "cp866": "ibm866",
    "cp874": "windows-874",
    "tis-620": "windows-874",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "mac-roman": "macintosh",
    "mac-cyrillic": "x-mac-cyrillic",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
    **{f"cp125{number}": f"windows-125{number}" for number in range(9)},
    # 1, 9 and 11 mean Windows' code pages there, which differ in control characters only.
    **{f"iso8859-{number}": f"iso-8859-{number}" for number in (*range(1, 11), 13, 14, 15, 16)},
}

# What a file is called that is in no encoding its few foreign bytes would tell.
_FALLBACKS = frozenset({"cp1252", "latin-1"})

# Encodings that such a file may be in after all, when what is looked for cannot stand in Latin
# letters: those of one alphabet first, since the others have most alphabets, too.
_OTHERS = (
    *("cp1251", "koi8-r", "cp866", "cp1253", "cp1250", "cp1254", "cp1255", "cp1256", "cp874"),
    *("shift_jis", "gb18030", "big5", "euc_kr", "euc_jp"),
)

# Bytes that are not valid are searched around, in both.
_UTF8_NAMES = frozenset({"utf-8", "ascii"})

# A line end, written or escaped. Skipped before it: a class, which cannot hold a longer text, and
# any other escape.
_LINE_END = re.compile(r"\\n|\n|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$#&\-~]")


def search_text(
    root: Path, arguments: Sequence[str], patterns: Sequence[str], files: Mapping[str, str]
) -> Generator[LineMatch]:
    """Search ``files`` (doc id to encoding) and yield lines by file.

    Raises:
        InvalidInput: a pattern is no valid regular expression.
        Unavailable: the search did not end in time, or failed.
    """
    files = _told_by_patterns(root, arguments, patterns, files)
    with ExitStack() as open_searches:
        found = [
            open_searches.enter_context(closing(each))
            for each in _searches(root, arguments, patterns, files)
        ]
        yield from merge(*found, key=lambda match: match.doc_id)


def count_text(
    root: Path, arguments: Sequence[str], patterns: Sequence[str], files: Mapping[str, str]
) -> dict[str, int]:
    """Return how many lines match in each of ``files`` (doc id to encoding) that has any.

    Raises:
        InvalidInput: a pattern is no valid regular expression.
        Unavailable: the search did not end in time, or failed.
    """
    counts: dict[str, int] = {}
    files = _told_by_patterns(root, arguments, patterns, files)
    for label, names in _by_label(files).items():
        if label is not None:
            counts.update(count_matches(root, [*arguments, *label], patterns, names))
            continue
        for name in names:
            found = _search_decoded(root, arguments, patterns, name, files[name])
            if lines := sum(match.kind == "match" for match in found):
                counts[name] = lines
    return counts


def literal_pattern(text: str) -> str:
    """Return the regular expression of a text whose line ends may be of either kind."""
    lines = text.replace("\r\n", "\n").split("\n")
    return r"\r?\n".join(_SPECIAL.sub(r"\\\g<0>", line) for line in lines)


def any_line_end(expression: str) -> str:
    """Return a regular expression whose line ends stand for those of Windows, too."""
    return _LINE_END.sub(_either_line_end, expression)


def _either_line_end(found: re.Match[str]) -> str:
    return r"(?:\r?\n)" if found[0] in {"\n", r"\n"} else found[0]


def _told_by_patterns(
    root: Path, arguments: Sequence[str], patterns: Sequence[str], files: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the files with their encodings, where a foreign pattern shows it by standing there.

    A dozen bytes of Chinese or Russian are too few to tell an encoding, and pass for Windows-1252;
    with the text that is looked for they are enough.
    """
    foreign = "".join(char for pattern in patterns for char in pattern if not char.isascii())
    if not foreign or _can_hold("cp1252", foreign):
        return files
    unknown = [name for name, encoding in files.items() if encoding in _FALLBACKS]
    recognized: dict[str, str] = {}
    for encoding in _OTHERS:
        left = [name for name in unknown if name not in recognized]
        if left and _can_hold(encoding, foreign):
            given = [*arguments, *(_label_arguments(encoding) or ())]
            recognized |= dict.fromkeys(dict(count_matches(root, given, patterns, left)), encoding)
    return {**files, **recognized}


def _can_hold(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _searches(
    root: Path, arguments: Sequence[str], patterns: Sequence[str], files: Mapping[str, str]
) -> Iterator[Generator[LineMatch]]:
    for label, names in _by_label(files).items():
        if label is not None:
            yield ripgrep(root, [*arguments, *label], patterns, names)
            continue
        for name in names:
            yield _search_decoded(root, arguments, patterns, name, files[name])


def _search_decoded(
    root: Path, arguments: Sequence[str], patterns: Sequence[str], name: str, encoding: str
) -> Generator[LineMatch]:
    try:
        opened = open_regular(root / name)
        if opened is None:
            return
        with opened[0] as file:
            text = file.readall().decode(encoding, "replace")
    except OSError:
        # Like ripgrep: what is gone or closed has no lines.
        return
    yield from ripgrep_text(name, text.removeprefix("\ufeff"), arguments, patterns)


def _by_label(files: Mapping[str, str]) -> dict[tuple[str, ...] | None, list[str]]:
    """Return the files in order by the arguments that name their encoding; None: Python must."""
    groups: dict[tuple[str, ...] | None, list[str]] = defaultdict(list)
    for name in sorted(files):
        groups[_label_arguments(files[name])].append(name)
    return groups


def _label_arguments(encoding: str) -> tuple[str, ...] | None:
    name = codecs.lookup(encoding).name
    if name in _UTF8_NAMES:
        return ()
    label = _LABELS.get(name)
    return None if label is None else ("--encoding", label)
