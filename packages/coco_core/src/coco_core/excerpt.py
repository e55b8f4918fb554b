"""Excerpts: the few lines of a hit that show why it answers, for readers with little room."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coco_core.stems import stem
from coco_core.stopwords import STOPWORDS

__all__ = ["Line", "WordFinder", "best_lines"]

# A shorter word stands on every line; it is looked for only when the query has no longer one.
_SHORTEST = 3

# Of two places that say as much, the one with more of it: worth less than any further word.
_REPEATED = 0.01

_WORD = re.compile(r"[^\W_]+")
# The parts of camelCase: what is asked for as `RequestContext` may be written `request_context`.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file."""

    number: int
    text: str


class WordFinder:
    """Finds the words of a query in lines, in other forms too; filling words are not looked for."""

    def __init__(self, query: str) -> None:
        """Take the query without its filters."""
        words = dict.fromkeys(
            part.lower() for word in _WORD.findall(query) for part in _parts(word)
        )
        asked = [word for word in words if word not in STOPWORDS] or list(words)
        asked = [word for word in asked if len(word) >= _SHORTEST] or asked
        roots = dict.fromkeys(_root(word) for word in asked)
        # The longest first, so that of `parse` and `parser` each finds its own.
        self._roots = sorted(roots, key=lambda root: -len(root))
        alternatives = "|".join(map(_alternative, self._roots))
        self._pattern = re.compile(alternatives) if alternatives else None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where words stand in a line, half-open, in order."""
        return [match.span() for match in self._matches(text)]

    def words(self, text: str) -> Counter[str]:
        """Return which words stand in a line, and how often."""
        found: Counter[str] = Counter()
        for match in self._matches(text):
            lowered = match.group().lower()
            found[next(root for root in self._roots if lowered.startswith(root))] += 1
        return found

    def _matches(self, text: str) -> list[re.Match[str]]:
        return list(self._pattern.finditer(text)) if self._pattern is not None else []


def best_lines(lines: Sequence[Line], finder: WordFinder, most: int) -> list[Line]:
    """Return at most ``most`` neighboring lines: those that say most of what was asked.

    A word counts the more the fewer of the lines hold it. Where none of them holds any, the text
    matches as a whole, and its beginning says best what it is.

    Args:
        lines: in order; a gap between their numbers is not bridged.
        finder: of the query.
        most: how many to return, at least one.
    """
    found = [finder.words(line.text) for line in lines]
    holding: Counter[str] = Counter()
    for words in found:
        holding.update(words.keys())
    if not holding:
        return _without_blank_ends(_head(lines, most))

    def worth(place: tuple[int, int]) -> tuple[float, int]:
        said: Counter[str] = sum(found[place[0] : place[1]], Counter())
        value = sum(1 / holding[word] for word in said) + _REPEATED * said.total()
        # Of two that say the same the shorter: what surrounds it is added below.
        return round(value, 6), place[0] - place[1]

    start, end = max(_places(lines, most), key=worth)
    return _without_blank_ends(_surrounded(lines, start, end, most))


def _places(lines: Sequence[Line], most: int) -> Iterator[tuple[int, int]]:
    """Yield every run of neighboring lines, half-open, the first ones first."""
    for start in range(len(lines)):
        for end in range(start + 1, min(start + most, len(lines)) + 1):
            if lines[end - 1].number - lines[start].number != end - 1 - start:
                break
            yield start, end


def _head(lines: Sequence[Line], most: int) -> list[Line]:
    start = next((i for i, line in enumerate(lines) if line.text.strip()), 0)
    return [
        line
        for place, line in enumerate(lines[start : start + most])
        if line.number == lines[start].number + place
    ]


def _surrounded(lines: Sequence[Line], start: int, end: int, most: int) -> list[Line]:
    """Fill a place up: one line before it, then what follows, then what else is before."""
    for first, last in ((start - 1, end), (0, len(lines))):
        while end - start < most and end < last and _adjoin(lines, end - 1):
            end += 1
        while end - start < most and start > max(first, 0) and _adjoin(lines, start - 1):
            start -= 1
    return list(lines[start:end])


def _adjoin(lines: Sequence[Line], place: int) -> bool:
    return lines[place + 1].number == lines[place].number + 1


def _without_blank_ends(lines: list[Line]) -> list[Line]:
    kept = [i for i, line in enumerate(lines) if line.text.strip()]
    return lines[kept[0] : kept[-1] + 1] if kept else lines[:1]


def _parts(word: str) -> list[str]:
    return _PART.findall(word) if word.isascii() else [word]


def _root(word: str) -> str:
    """Return what all forms of a word begin with."""
    if not word.isascii():
        return word
    kept = [a for a, b in zip(word, stem(word), strict=False) if a == b]
    # `queries` becomes `queri`, and `query` shall be found too.
    root = "".join(kept).removesuffix("i")
    return root if len(root) >= _SHORTEST else word


def _alternative(root: str) -> str:
    """Return the expression of a word: at a word's beginning, or where camelCase begins one."""
    word, name = re.escape(root), re.escape(root.capitalize())
    if not root.isascii():
        return rf"(?i:{word})"
    tail = "[a-z]*" if len(root) >= _SHORTEST and not root.isdigit() else r"(?![A-Za-z0-9])"
    return rf"(?:(?<![A-Za-z0-9])(?i:{word})|(?<=[a-z0-9]){name}){tail}"
