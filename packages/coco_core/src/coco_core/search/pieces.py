"""The lines of a document that answer: what is shown of the places that were found in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from coco_core.tokens import term_id, term_ids, words

__all__ = ["Lines", "Place", "QueryTerms", "arranged", "best_lines"]

# How far a match speaks for the lines around it: what a name or a comment announces mostly stands
# below it, so that the lines above count for less.
_BELOW = (1.0, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
_ABOVE = (0.6, 0.4, 0.2)

# What a comment says is worth less than what the code does: the question is mostly about that, and
# the words of a docstring are the question's own.
_PROSE = 0.5

# Of a place that was found by its meaning no word may match: its first lines say what it is.
_BASE = 0.1

# A place that scores half as well as the best gets few lines: its words match by chance.
_STEEP = 2.0

# Blank lines are shown between others, not for their own sake.
_BLANK = 0.5

# A line that takes more of the budget than this is data, and would leave nothing for the others.
_LONGEST_LINE = 0.5

# Left out between two pieces, lines up to this many would save no more than their mark costs.
_SHORTEST_GAP = 2

# Terms below this length are looked for as they are.
_WHOLE = 4

_LINE_COMMENTS = ("//", "#", "*", "/*", "--", ";;", "%", "<!--", '"""', "'''")
_NO_COMMENTS = ("#include", "#define", "#if", "#el", "#end", "#!", "#[", "*=", "--")
_QUOTES = ('"""', "'''")


class Lines(NamedTuple):
    """Lines of a document: 1-based, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a document that was found."""

    start_line: int
    lines: Sequence[str]
    worth: float = 1.0
    """How well it answers, against the best place of the document, 0 to 1."""
    prose: bool = False
    """Whether its text is no code, so that nothing in it is a comment."""


class QueryTerms:
    """What is looked for in a line."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Take a query's terms, each with how much of the query it is; together 1."""
        self._weights = {term_id(term): weight for term, weight in weights.items()}
        # What was asked of a word before: lines of one answer repeat their words.
        self._ids_of: dict[str, tuple[int, ...]] = {}
        # A stem may differ from the word in its last letter: `quer(i)`, `query`.
        shortened = {term if len(term) < _WHOLE else term[:-1] for term in weights}
        self._begun = re.compile("|".join(map(re.escape, sorted(shortened))) or "(?!)")

    @classmethod
    def of(cls, terms: Iterable[str], weights: Mapping[str, float]) -> QueryTerms:
        """Weigh a query's terms; one without a weight counts as much as the mean of the others."""
        distinct = dict.fromkeys(terms)
        # One letter (the rest of `view's`) stands in every line.
        telling = [term for term in distinct if len(term) > 1 or not term.isascii()] or distinct
        known = [weights[term] for term in telling if term in weights]
        mean = sum(known) / len(known) if known else 1.0
        raw = {term: weights.get(term, mean) for term in telling}
        total = sum(raw.values())
        return cls({term: weight / total for term, weight in raw.items()} if total else {})

    def found_in(self, line: str) -> float:
        """Return how much of the query a line holds, 0 to 1."""
        if self._begun.search(line.lower()) is None:
            return 0.0
        weights, known = self._weights, self._ids_of
        found: set[int] = set()
        for word in words(line):
            ids = known.get(word)
            if ids is None:
                ids = known[word] = tuple(each for each in term_ids(word) if each in weights)
            if ids:
                found.update(ids)
        return sum([weights[each] for each in found])


def best_lines(
    places: Sequence[Place], terms: QueryTerms, budget: int, cost: Callable[[str], int]
) -> list[int]:
    """Return the lines of a document's places that may be shown, the most telling first.

    Args:
        places: the document's, in any order; they may overlap.
        terms: of the query.
        budget: tokens for all lines together; one line is shown whatever it costs.
        cost: the tokens of a line.
    """
    worth: dict[int, float] = {}
    text: dict[int, str] = {}
    for place in places:
        for number, value in enumerate(_worth(place, terms), place.start_line):
            worth[number] = max(worth.get(number, 0.0), value)
        text.update(enumerate(place.lines, place.start_line))
    order = sorted(worth, key=lambda number: (-worth[number], number))
    chosen: list[int] = []
    left = budget
    for number in order:
        if left <= 0:
            break
        price = cost(text[number])
        if price > left or (price > _LONGEST_LINE * budget and len(text) > 1):
            continue
        chosen.append(number)
        left -= price
    return chosen or order[:1]


def arranged(
    chosen: Sequence[int],
    text: Mapping[int, str],
    budget: int,
    cost: Callable[[str], int],
    added: Callable[[Sequence[Lines]], Iterable[int]] = lambda _: (),
) -> list[Lines]:
    """Return lines as pieces, in order and apart from each other, within a budget.

    What joining them and what is added to them costs, the least telling lines give way for.

    Args:
        chosen: numbers of lines, the most telling first.
        text: of every line that may be shown.
        budget: tokens for all lines together.
        cost: the tokens of a line.
        added: the lines that pieces need with them.
    """
    kept = list(chosen)
    while True:
        pieces = _trimmed(_joined(kept, text), text) or [Lines(kept[0], kept[0])]
        more = list(added(pieces))
        if more:
            pieces = _joined([*_numbers(pieces), *more], text)
        spent = sum(cost(text[number]) for number in _numbers(pieces))
        if spent <= budget or len(kept) <= 1:
            return pieces
        del kept[-max(1, (spent - budget) * len(kept) // spent) :]


def _numbers(pieces: Iterable[Lines]) -> list[int]:
    return [number for first, last in pieces for number in range(first, last + 1)]


def _worth(place: Place, terms: QueryTerms) -> list[float]:
    """Return what each line of a place is worth."""
    lines, size = place.lines, len(place.lines)
    prose = [False] * size if place.prose else _comments(lines)
    worth = [0.0] * size
    for at, line in enumerate(lines):
        value = terms.found_in(line)
        if value:
            _speak(worth, at, value * _PROSE if prose[at] else value)
    share = place.worth**_STEEP
    return [
        share
        * (worth[at] + _BASE * (1 - at / size))
        * (_PROSE if prose[at] else 1.0)
        * (1.0 if line and not line.isspace() else _BLANK)
        for at, line in enumerate(lines)
    ]


def _speak(worth: list[float], at: int, value: float) -> None:
    """Let a line speak for those around it."""
    for number, share in zip(range(at, len(worth)), _BELOW, strict=False):
        worth[number] = max(worth[number], value * share)
    for number, share in zip(range(at - 1, -1, -1), _ABOVE, strict=False):
        worth[number] = max(worth[number], value * share)


def _comments(lines: Sequence[str]) -> list[bool]:
    """Tell which lines of code are comments or documentation, as far as their look says."""
    found: list[bool] = []
    quote = _open_quote(lines)
    for line in lines:
        plain = line.strip()
        if quote:
            found.append(True)
            if quote in plain:
                quote = ""
            continue
        for mark in _QUOTES:
            if mark in plain:
                if plain.count(mark) % 2:
                    quote = mark
                break
        found.append(plain.startswith(_LINE_COMMENTS) and not plain.startswith(_NO_COMMENTS))
    return found


def _open_quote(lines: Sequence[str]) -> str:
    """Return the mark of the documentation that the first lines are in the middle of, if any."""
    for mark in _QUOTES:
        first = next((line.strip() for line in lines if mark in line), "")
        closes = first == mark or (first.endswith(mark) and not first.startswith(mark))
        if closes and sum(line.count(mark) for line in lines) % 2:
            return mark
    return ""


def _joined(chosen: Iterable[int], text: Mapping[int, str]) -> list[Lines]:
    """Join lines that follow each other, over gaps that are not worth a mark."""
    pieces: list[Lines] = []
    first = last = -_SHORTEST_GAP - 1
    for number in sorted(chosen):
        gap = number - last - 1
        if gap <= 0 or (
            gap <= _SHORTEST_GAP and all(between in text for between in range(last + 1, number))
        ):
            last = number
            continue
        if last > 0:
            pieces.append(Lines(first, last))
        first = last = number
    return [*pieces, Lines(first, last)] if last > 0 else pieces


def _trimmed(runs: Sequence[Lines], text: Mapping[int, str]) -> list[Lines]:
    """Drop blank lines at the ends of runs, and runs of nothing else."""
    kept: list[Lines] = []
    for first, last in runs:
        while first < last and not text[first].strip():
            first += 1  # noqa: PLW2901
        while last > first and not text[last].strip():
            last -= 1  # noqa: PLW2901
        if text[first].strip() or len(runs) == 1:
            kept.append(Lines(first, last))
    return kept
