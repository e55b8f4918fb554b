r"""Patterns that choose the files of a source, by their path relative to its root.

The syntax is that of CocoIndex's file sources, which use the Rust crate `globset`:

    ?        one character, `/` too
    *        any characters, `/` too: `*.md` matches at every depth
    **/      at the start: here or in any folder below;  /**  at the end: everything below
    /**/     no folder, or any number of them
    {a,b}    either; may be nested
    [ab]     one of; [a-z] a range; [!ab] and [^ab] none of
    \x       the character x itself

The whole path is matched, case counts. A folder that an excluded pattern matches is not entered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias

from coco_flow.errors import DefinitionError

__all__ = ["FilePatterns"]

# A pattern as parsed: literal text, one of the wildcards below, a class, or alternatives.
_Part: TypeAlias = "str | _Wildcard | _Alternatives"

# Beyond so many endings, one regular expression is as fast as str.endswith.
_MAX_SUFFIXES = 64

# Windows has `\` for a separator, so there it cannot take a character's meaning away.
_ESCAPES = os.sep != "\\"


class _Wildcard:
    """A part of a pattern that matches other text than itself."""

    __slots__ = ("regex",)

    def __init__(self, regex: str) -> None:
        self.regex = regex


class _Alternatives:
    """The sequences of tokens between braces."""

    __slots__ = ("branches",)

    def __init__(self, branches: list[list[_Part]]) -> None:
        self.branches = branches


_NOTHING = _Wildcard("")
_ANY_CHARACTER = _Wildcard(".")
_ANY_TEXT = _Wildcard(".*")
_LEADING_FOLDERS = _Wildcard("(?:/?|.*/)")
_EVERYTHING_BELOW = _Wildcard("/.*")
_INNER_FOLDERS = _Wildcard("(?:/|/.*/)")


class FilePatterns:
    """Decides which files a source has; included and excluded patterns are compiled once."""

    __slots__ = ("_excluded", "_folder_starts", "_included", "_only_folders")

    def __init__(
        self, included: Sequence[str] | None = None, excluded: Sequence[str] | None = None
    ) -> None:
        """Compile the patterns; `included` None includes everything, an empty list nothing.

        Raises:
            DefinitionError: A pattern is not valid.
        """
        for name, given in (("included_patterns", included), ("excluded_patterns", excluded)):
            if isinstance(given, str):
                raise DefinitionError(
                    f"{name} must be a list of patterns, not the text {given!r}.",
                    hint=f"Write {name}=[{given!r}].",
                )
        wanted = None if included is None else [_Parser(p).parse() for p in included]
        unwanted = [_Parser(p).parse() for p in excluded or ()]
        self._included = None if wanted is None else _tester(wanted)
        self._excluded = _tester(unwanted) if unwanted else None
        # `x/**` excludes everything below x, so that x need not be entered; it is itself no file.
        inside = [t[:-1] for t in unwanted if len(t) > 1 and t[-1] is _EVERYTHING_BELOW]
        self._only_folders = _tester(inside) if inside else None
        starts = None if wanted is None else [_literal_start(t) for t in wanted]
        self._folder_starts = None if starts is None or "" in starts else starts

    def file_matches(self, path: str) -> bool:
        """Say whether a file of a folder that is entered belongs to the source."""
        if self._included is not None and not self._included(path):
            return False
        return self._excluded is None or not self._excluded(path)

    def enters(self, folder: str) -> bool:
        """Say whether a folder below an entered one may have files of the source."""
        if self._excluded is not None and self._excluded(folder):
            return False
        if self._only_folders is not None and self._only_folders(folder):
            return False
        if self._folder_starts is None:
            return True
        below = folder + "/"
        return any(s.startswith(below) or below.startswith(s) for s in self._folder_starts)

    def reaches(self, path: str) -> bool:
        """Say whether all folders above a path are entered."""
        end = path.find("/")
        while end >= 0:
            if not self.enters(path[:end]):
                return False
            end = path.find("/", end + 1)
        return True

    def accepts(self, path: str) -> bool:
        """Say whether a file belongs to the source, with a check of all folders above it."""
        return self.file_matches(path) and (self._excluded is None or self.reaches(path))

    @property
    def start(self) -> str:
        """The text that every included path begins with."""
        starts = self._folder_starts
        return os.path.commonprefix(starts or [""])  # noqa: RUF071 - keys may end in mid-name


class _Parser:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        # The branches of every open brace, with the pattern itself as the outermost.
        self._open: list[list[list[_Part]]] = [[[]]]

    def parse(self) -> list[_Part]:
        while self._at < len(self._pattern):
            self._step(self._pattern[self._at])
        if len(self._open) > 1:
            raise self._invalid("a '{' has no '}'")
        tokens = self._open[0][0]
        return [_ANY_TEXT] if tokens == [_LEADING_FOLDERS] else tokens

    def _step(self, character: str) -> None:
        self._at += 1
        match character:
            case "?":
                self._add(_ANY_CHARACTER)
            case "*":
                self._star()
            case "[":
                self._class()
            case "{":
                self._open.append([[]])
            case "}":
                if len(self._open) == 1:
                    raise self._invalid("a '}' has no '{'")
                branches = [branch for branch in self._open.pop() if branch]
                self._add(_Alternatives(branches) if branches else _NOTHING)
            case "," if len(self._open) > 1:
                self._open[-1].append([])
            case "\\" if _ESCAPES:
                if self._at == len(self._pattern):
                    raise self._invalid("it ends in a backslash that escapes nothing")
                self._add(self._pattern[self._at])
                self._at += 1
            case _:
                self._add("/" if character == os.sep else character)

    def _add(self, token: _Part) -> None:
        self._open[-1][-1].append(token)

    def _star(self) -> None:
        """Read `*`, or `**`, whose meaning depends on the adjacent characters."""
        tokens = self._open[-1][-1]
        if self._peek() != "*":
            tokens.append(_ANY_TEXT)
            return
        before = self._pattern[self._at - 2] if self._at > 1 else ""
        self._at += 1
        after = self._peek()
        if not tokens:
            if after in ("", "/"):
                tokens.append(_LEADING_FOLDERS)
                self._at += 1
            else:
                tokens.append(_ANY_TEXT)
        elif before != "/" or not (
            after in ("", "/") or (after in (",", "}") and len(self._open) > 1)
        ):
            tokens.append(_ANY_TEXT)
        else:
            if after == "/":
                self._at += 1
            # The separator before belongs to the wildcard, which may match no folder at all.
            last = tokens.pop()
            if last in (_LEADING_FOLDERS, _EVERYTHING_BELOW):
                tokens.append(last)
            else:
                tokens.append(_INNER_FOLDERS if after == "/" else _EVERYTHING_BELOW)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _class(self) -> None:
        """Read `[...]`; a `]` that comes first is one of its characters."""
        negated = self._pattern.startswith(("!", "^"), self._at)
        self._at += negated
        end = self._pattern.find("]", self._at + 1)
        if end < 0:
            raise self._invalid("a '[' has no ']'")
        ranges: list[tuple[str, str]] = []
        open_range = False
        for index, character in enumerate(self._pattern[self._at : end]):
            if open_range:
                first = ranges[-1][0]
                if character < first:
                    raise self._invalid(f"the range {first}-{character} is empty")
                ranges[-1] = (first, character)
                open_range = False
            elif character == "-" and index:
                open_range = True
            else:
                ranges.append((character, character))
        if open_range:
            ranges.append(("-", "-"))
        self._at = end + 1
        inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges)
        self._add(_Wildcard(f"[{'^' if negated else ''}{inside}]"))

    def _invalid(self, reason: str) -> DefinitionError:
        return DefinitionError(
            f"{self._pattern!r} is not a valid file pattern: {reason}.",
            hint="A character means itself after a backslash, or in brackets: [*].",
        )


def _regex(tokens: Sequence[_Part]) -> str:
    parts: list[str] = []
    for token in tokens:
        if isinstance(token, str):
            parts.append(re.escape(token))
        elif isinstance(token, _Wildcard):
            parts.append(token.regex)
        else:
            parts.append(f"(?:{'|'.join(_regex(branch) for branch in token.branches)})")
    return "".join(parts)


def _tester(patterns: Sequence[list[_Part]]) -> Callable[[str], object]:
    """Return a test for "one of the patterns matches the whole path"."""
    suffixes: list[str] = []
    others: list[str] = []
    for tokens in patterns:
        endings = _suffixes(tokens)
        if endings is None or len(suffixes) + len(endings) > _MAX_SUFFIXES:
            others.append(_regex(tokens))
        else:
            suffixes += endings
    expression = re.compile("|".join(others), re.DOTALL).fullmatch if others else None
    ends = tuple(suffixes)
    if expression is None:
        return lambda path: path.endswith(ends)
    if not ends:
        return expression
    return lambda path: path.endswith(ends) or expression(path)


def _suffixes(tokens: Sequence[_Part]) -> list[str] | None:
    """Return the endings that a pattern such as `*.md` or `**/*.{c,h}` matches."""
    if tokens and tokens[0] is _LEADING_FOLDERS:
        tokens = tokens[1:]
    if not tokens or tokens[0] is not _ANY_TEXT:
        return None
    return _texts(tokens[1:])


def _texts(tokens: Sequence[_Part]) -> list[str] | None:
    """Return all texts that the tokens match, or None if they are many."""
    parts: list[list[str]] = []
    for token in tokens:
        if isinstance(token, str):
            parts.append([token])
        elif isinstance(token, _Alternatives):
            branches = [_texts(branch) for branch in token.branches]
            if any(branch is None for branch in branches):
                return None
            parts.append([text for branch in branches for text in branch or ()])
        else:
            return None
    size = 1
    for part in parts:
        size *= len(part)
    return None if size > _MAX_SUFFIXES else ["".join(chosen) for chosen in product(*parts)]


def _literal_start(tokens: Sequence[_Part]) -> str:
    start = ""
    for token in tokens:
        if not isinstance(token, str):
            break
        start += token
    return start
