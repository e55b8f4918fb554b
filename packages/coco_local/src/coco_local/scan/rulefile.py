"""Ignore file, compiled so that the last matching line is found in a few look-ups."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from coco_local.scan.wildmatch import literal_length, translate

__all__ = ["Rule", "RuleFile", "parse_rules"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of an ignore file."""

    pattern: bytes
    """Without ``!``, leading and trailing slash."""
    negated: bool
    directories_only: bool
    basename: bool
    """Whether the pattern is compared with the last name only, at any depth."""
    origin: str
    """``src/.gitignore:3: *.log``"""


def parse_rules(data: bytes, source: str) -> list[Rule]:
    """Read rules as git does: comments, escapes, trailing spaces, CRLF, a byte order mark."""
    rules: list[Rule] = []
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line or line.startswith(b"#"):
            continue
        text = _without_trailing_spaces(line.removesuffix(b"\r").partition(b"\0")[0])
        rule = _rule(text, f"{source}:{number}: {os.fsdecode(text)}")
        if rule is not None:
            rules.append(rule)
    return rules


def _rule(text: bytes, origin: str) -> Rule | None:
    negated = text.startswith(b"!")
    pattern = text[negated:]
    directories_only = pattern.endswith(b"/")
    pattern = pattern.removesuffix(b"/")
    basename = b"/" not in pattern
    pattern = pattern.removeprefix(b"/")
    if not pattern:
        return None
    return Rule(pattern, negated, directories_only, basename, origin)


def _without_trailing_spaces(line: bytes) -> bytes:
    end = len(line.rstrip(b" "))
    if end == len(line):
        return line
    escapes = end - len(line[:end].rstrip(b"\\"))
    # An odd number of backslashes keeps the first of the spaces.
    return line[: end + escapes % 2]


@dataclass(slots=True)
class _Matcher:
    """The rules of one kind of entry, split by what it takes to compare them."""

    names: dict[str, int] = field(default_factory=dict)
    suffixes: dict[str, int] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    name_globs: tuple[re.Pattern[bytes], tuple[int, ...]] | None = None
    path_globs: tuple[re.Pattern[bytes], tuple[int, ...]] | None = None

    @classmethod
    def build(cls, rules: Iterable[tuple[int, Rule]], *, ignore_case: bool) -> _Matcher:
        self = cls()
        name_globs: list[tuple[int, bytes]] = []
        path_globs: list[tuple[int, bytes]] = []
        for index, rule in rules:
            pattern = rule.pattern.lower() if ignore_case else rule.pattern
            literal = literal_length(pattern) == len(pattern)
            suffix = pattern[:2] == b"*." and literal_length(pattern[1:]) == len(pattern) - 1
            if not rule.basename:
                if literal:
                    self.paths[os.fsdecode(pattern)] = index
                else:
                    path_globs.append((index, translate(pattern, pathname=True)))
            elif literal:
                self.names[os.fsdecode(pattern)] = index
            elif suffix:
                self.suffixes[os.fsdecode(pattern[1:])] = index
            else:
                name_globs.append((index, translate(pattern, pathname=False)))
        self.name_globs = _alternatives(name_globs, ignore_case)
        self.path_globs = _alternatives(path_globs, ignore_case)
        return self

    def last(self, name: str, path: str) -> int:
        """Return the highest index of a rule that matches, -1 if none does."""
        best = self.names.get(name, -1)
        if self.suffixes:
            at = name.find(".")
            while at >= 0:
                index = self.suffixes.get(name[at:], -1)
                best = max(best, index)
                at = name.find(".", at + 1)
        if self.paths:
            best = max(best, self.paths.get(path, -1))
        if self.name_globs is not None:
            best = max(best, _first_alternative(self.name_globs, name))
        if self.path_globs is not None:
            best = max(best, _first_alternative(self.path_globs, path))
        return best


def _alternatives(
    globs: list[tuple[int, bytes]], ignore_case: bool
) -> tuple[re.Pattern[bytes], tuple[int, ...]] | None:
    if not globs:
        return None
    # Alternatives are tried from the left, so the last rule stands first.
    globs.reverse()
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    joined = b"|".join(b"(" + glob + b")" for _, glob in globs)
    return re.compile(joined, flags), tuple(index for index, _ in globs)


def _first_alternative(globs: tuple[re.Pattern[bytes], tuple[int, ...]], text: str) -> int:
    match = globs[0].fullmatch(os.fsencode(text))
    return -1 if match is None or match.lastindex is None else globs[1][match.lastindex - 1]


class RuleFile:
    """Rules that apply to everything below one directory."""

    __slots__ = ("_directories", "_files", "_ignore_case", "_rules", "_skip")

    def __init__(self, rules: Sequence[Rule], base: str, *, ignore_case: bool = False) -> None:
        """``base`` is the file's directory, relative to the top of the tree; ``""`` is the top."""
        numbered = list(enumerate(rules))
        self._rules = tuple(rules)
        self._skip = len(base) + 1 if base else 0
        self._ignore_case = ignore_case
        self._directories = _Matcher.build(numbered, ignore_case=ignore_case)
        files = [(index, rule) for index, rule in numbered if not rule.directories_only]
        self._files = _Matcher.build(files, ignore_case=ignore_case)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def match(self, name: str, path: str, *, directory: bool) -> Rule | None:
        """Return the last rule that fits an entry; ``path`` is relative to the top of the tree."""
        if self._ignore_case:
            name, path = name.lower(), path.lower()
        matcher = self._directories if directory else self._files
        index = matcher.last(name, path[self._skip :])
        return None if index < 0 else self._rules[index]
