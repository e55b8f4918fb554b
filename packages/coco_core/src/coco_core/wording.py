"""Wording of a query: its words in order and as written, for finding where they stand literally.

Keywords say which words a chunk holds, not how they stand. A pasted error message, log line or
piece of code is recognized by its words standing in a chunk in the query's order and close
together; here is what such a comparison needs to know of the query and of its words' rarity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import log1p

from coco_core.plain_words import is_plain_word
from coco_core.tokens import analyze, composed, spaceless

__all__ = ["AskedWord", "Wording", "literal_words", "rarity"]

_WORD = re.compile(r"\w+")

# A longer paste is found by its beginning; the time to compare stays bounded.
_MOST_WORDS = 240

# A quoted text is often a value that was filled in, and a number nearly always is one: that they
# are missing says little against a place.
_FILLED_IN = 0.1

# Quoted (an apostrophe inside a word opens nothing), a path, an address, a long number, a flag.
_VALUE = re.compile(
    r"(?<!\w)'[^'\n]*'(?!\w)|\"[^\"\n]*\"|“[^”\n]*”|(?<!\w)\u2018[^\u2019\n]*\u2019(?!\w)|`[^`\n]*`"
    r"|(?<!\w)\w*:?(?:[/\\][\w.@~-]+){2,}|\b\d+(?:\.\d+){3}\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b"
    r"|(?<!\S)--?[A-Za-z][\w-]*"
)

# Prose that is as long as this and stands somewhere letter by letter was taken from there; code is
# known by its signs.
_SHORTEST_FIXED = 12
_FEWEST_FIXED_WORDS = 3
_SHORTEST_CODE = 5
_QUOTED = re.compile(r"(?<!\w)'([^'\n]+)'(?!\w)|\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`")
_COLON = re.compile(r":\s+")
_CODE = re.compile(r"[=+*&|^~%$#@<>\[\](){};]|->|::|--|!=")

# Shorter ones are abbreviations as often as words.
_SHORTEST_COINED = 5

# When a line was logged says nothing of where it comes from.
_TIME = re.compile(
    r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
)


@dataclass(frozen=True, slots=True)
class AskedWord:
    """One word of a query where it stands."""

    text: str
    """In lower case."""
    term: str
    """The term by which stores know it; empty if it has none (``_``)."""
    share: float
    """How much it counts against a place that it is not there: less for what is filled in."""
    coined: bool
    """No word that people use: made up, or written with digits, underscores or capitals inside."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A query's words, line by line."""

    lines: tuple[tuple[AskedWord, ...], ...]
    fixed: tuple[str, ...] = ()
    """What stands between values, white space as single spaces, where it is long enough or has
    signs enough to be known as code."""

    @classmethod
    def of(cls, text: str) -> Wording:
        """Read the words of a query."""
        lines: list[tuple[AskedWord, ...]] = []
        left = _MOST_WORDS
        fixed: dict[str, None] = {}
        for line in composed(text).splitlines():
            asked = _asked(line)[:left]
            if asked:
                lines.append(asked)
                left -= len(asked)
                fixed |= dict.fromkeys(_fixed(line))
        return cls(tuple(lines), tuple(fixed))

    @property
    def words(self) -> tuple[AskedWord, ...]:
        """All words in order."""
        return tuple(word for line in self.lines for word in line)

    @property
    def terms(self) -> tuple[str, ...]:
        """The distinct terms, in order."""
        return tuple(dict.fromkeys(word.term for word in self.words if word.term))


def literal_words(text: str) -> list[str]:
    """Return the words of a text as they are compared: lower case, without stemming.

    Scripts without spaces give pairs of neighboring characters.
    """
    if text.isascii():
        return _WORD.findall(text.lower())
    found = _WORD.findall(composed(text))
    return [piece for word in found for piece in _pieces(word.casefold())]


def rarity(frequency: int, chunks: int) -> float:
    """Return the weight of a word, 1 for one that one chunk of an index holds, 0 if none does."""
    if not frequency:
        return 0.0
    return _idf(frequency, chunks) / _idf(1, chunks)


def _idf(frequency: int, chunks: int) -> float:
    return log1p((max(chunks - frequency, 0) + 0.5) / (frequency + 0.5))


def _asked(line: str) -> tuple[AskedWord, ...]:
    without_time = _TIME.sub(" ", line)
    if _WORD.search(without_time):
        line = without_time
    filled = [match.span() for match in _VALUE.finditer(line)]
    found: list[AskedWord] = []
    for match in _WORD.finditer(line):
        quoted = any(a <= match.start() < b for a, b in filled)
        word = match.group()
        for piece in _pieces(word.casefold()):
            share = _FILLED_IN if quoted or piece[:1].isdigit() else 1.0
            found.append(AskedWord(piece, _term(piece), share, _is_coined(word)))
    if all(word.share < 1 for word in found):
        # Nothing but values: then they are what is looked for.
        return tuple(AskedWord(each.text, each.term, 1.0, each.coined) for each in found)
    return tuple(found)


def _fixed(line: str) -> list[str]:
    wholes = _VALUE.split(_TIME.sub(" ", line))
    # What precedes a colon is often another's: the kind of the error, the name of the program.
    parts = [*wholes, *(part for whole in wholes for part in _COLON.split(whole))]
    # What is quoted may be a value, or what the reader saw and asks about.
    parts += [part for match in _QUOTED.finditer(line) for part in match.groups() if part]
    return [
        part
        for part in (" ".join(part.split()) for part in parts)
        if (len(part) >= _SHORTEST_FIXED and len(_WORD.findall(part)) >= _FEWEST_FIXED_WORDS)
        or (len(part) >= _SHORTEST_CODE and _CODE.search(part) and _WORD.search(part))
    ]


@lru_cache(maxsize=8192)
def _is_coined(word: str) -> bool:
    plain = word.isascii() and word.isalpha() and (word[1:].islower() or word.isupper())
    if plain:
        return len(word) >= _SHORTEST_COINED and not is_plain_word(word.lower())
    return any(char.isdigit() or char == "_" for char in word) or (
        word != word.upper() and word[1:] != word[1:].lower()
    )


def _pieces(word: str) -> list[str]:
    runs = spaceless(word)
    if not runs:
        return [word]
    found: list[str] = []
    rest = 0
    for run in runs:
        start = word.index(run, rest)
        if start > rest:
            found.append(word[rest:start])
        found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        rest = start + len(run)
    return [*found, word[rest:]] if rest < len(word) else found


@lru_cache(maxsize=8192)
def _term(word: str) -> str:
    terms = analyze(word)
    return terms[0] if terms else ""
