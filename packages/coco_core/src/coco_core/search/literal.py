"""Literal evidence: how much of a query's wording a chunk's text holds as written.

The words of the query and of the text are aligned: the best chain of equal words in the same order,
with short gaps for what was filled in (`%s`, `{name}`) or left out. Rare words weigh most. A chain
counts when it covers most of the query, or of a line of what was pasted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt

from coco_core.query import Query
from coco_core.types import Candidate, CandidateSet
from coco_core.wording import AskedWord, literal_words, rarity

__all__ = ["Asked", "Run", "best_run", "with_literal_evidence"]

Texts = Callable[[Sequence[Candidate]], Sequence[str]]
"""Returns the texts of candidates, in order; empty where one is gone."""

# Words between two of a chain, in the text and in the query: a placeholder, a format's prefix, the
# quotes and the indentation between two parts of one message.
_LONGEST_GAP = 5

# A word that a paste repeats is followed from so many of its places, which bounds the time; only
# filling words have more.
_MOST_REPEATED = 12

# What a gap costs, in units of a word that stands once in the index: words that happen to share a
# sentence make no quotation.
_GAP = 0.06
_GAP_WORD = 0.03

# No word weighs less in a chain: the run itself is rare, however common its words are.
_LEAST_WEIGHT = 0.04

# The share of the wording from which a chain is evidence, and from which it is proof.
_SHARE = (0.5, 0.8)

# The same for its weight, in units of a word that stands once in the index.
_WEIGHT = (0.35, 0.9)

# The same for the number of its words: two or three stand together by chance in any prose.
_WORDS = (2, 6)
_WHOLE_WORDS = (1, 4)
_WHOLE = 0.95

# Of a paste with many lines one is enough, if it is among those with most to say.
_LINE_SHARE = 0.6

_DOUBT = 1.5

# What a word that stands nowhere counts against every place: less than one that stands somewhere,
# for it may have been filled in.
_UNKNOWN = 0.3

# A word that is no word of a language and that few chunks hold is proof by itself.
_RARE = 0.75
_FEW_WORDS = 12
# How much of that depends on how well the words around it agree.
_CONTEXT = 0.3

# A part of the query that stands letter by letter, and the least share of it that such a part is.
_VERBATIM = 0.8
_LEAST_PART = 0.3

# Apart from white space not written as asked: other punctuation, other case.
_NOT_VERBATIM = 0.8


@dataclass(frozen=True, slots=True)
class Asked:
    """A query's wording with the weights of one index."""

    words: Sequence[AskedWord]
    weights: Sequence[float]
    places: dict[str, list[int]]
    """The places of each word in the query, last first."""
    whole: float
    """The weight that a chain covers when it covers all that is asked for."""

    @classmethod
    def of(cls, query: Query, found: CandidateSet) -> Asked:
        """Weigh the words; those that no chunk holds are left out, as what was filled in."""
        kept: list[AskedWord] = []
        weights: list[float] = []
        masses: list[float] = []
        for line in query.wording.lines:
            mass = 0.0
            for word in line:
                weight = rarity(found.frequencies.get(word.term, 0), found.total)
                if weight:
                    kept.append(word)
                    weights.append(max(weight, _LEAST_WEIGHT))
                    mass += weights[-1] * word.share
                elif word.share == 1 and not word.coined:
                    mass += _UNKNOWN
            masses.append(mass)
        places: dict[str, list[int]] = {}
        for place in range(len(kept) - 1, -1, -1):
            own = places.setdefault(kept[place].text, [])
            if len(own) < _MOST_REPEATED:
                own.append(place)
        whole = sum(masses) if len(masses) == 1 else _LINE_SHARE * max(masses, default=0.0)
        return cls(kept, weights, places, whole)


@dataclass(frozen=True, slots=True)
class Run:
    """The best chain in one text."""

    weight: float
    words: int


def best_run(asked: Asked, words: Sequence[str]) -> Run:
    """Return the best chain of the asked words in a text's words."""
    places, weights = asked.places, asked.weights
    count = len(weights)
    chain = [0.0] * count
    length = [0] * count
    last = [-(_LONGEST_GAP + 2)] * count
    best, best_length = 0.0, 0
    # Nearly all words of a text are none of the query's: those are passed over first.
    for at in [at for at, word in enumerate(words) if word in places]:
        for place in places[words[at]]:
            before, before_length = 0.0, 0
            for other in range(place - 1, max(-1, place - 2 - _LONGEST_GAP), -1):
                apart = at - last[other] - 1
                if 0 <= apart <= _LONGEST_GAP:
                    skipped = apart + place - other - 1
                    value = chain[other] - (_GAP + _GAP_WORD * skipped if skipped else 0.0)
                    if value > before:
                        before, before_length = value, length[other]
            value = before + weights[place]
            # A shorter chain must not replace a longer one that is still within reach.
            if at - last[place] > _LONGEST_GAP + 1 or value >= chain[place]:
                chain[place], length[place], last[place] = value, before_length + 1, at
                if value > best:
                    best, best_length = value, before_length + 1
    return Run(best, best_length)


def with_literal_evidence(query: Query, found: CandidateSet, texts: Texts) -> CandidateSet:
    """Read the promising candidates and note in each how much of the wording it holds.

    Those that came for their wording alone and do not hold it are left out.
    """
    if query.phrases:
        # What the executor found holds them.
        return replace(found, candidates=[replace(each, literal=1.0) for each in found.candidates])
    wanted = set(found.promising)
    read = [each for each in found.candidates if each.metadata.key in wanted]
    asked = Asked.of(query, found)
    if not read or not asked.words:
        return found
    strengths = iter(_strengths(query, asked, found, texts(read)))
    candidates: list[Candidate] = []
    for each in found.candidates:
        if each.metadata.key not in wanted:
            candidates.append(each)
            continue
        literal = next(strengths)
        if literal or each.keyword or each.vector is not None:
            candidates.append(replace(each, literal=literal) if literal else each)
    return replace(found, candidates=candidates)


def _strengths(
    query: Query, asked: Asked, found: CandidateSet, texts: Sequence[str]
) -> list[float]:
    words = [literal_words(text) for text in texts]
    runs = [best_run(asked, each) for each in words]
    most = max((run.weight for run in runs), default=0.0)
    coined = _coined_words(query, found)
    verbatim = _Verbatim.of(query)
    plain = " ".join(query.text.split())
    strengths: list[float] = []
    for text, own, run in zip(texts, words, runs, strict=True):
        flat = " ".join(text.split())
        strength = _of_run(asked, run, most)
        if coined:
            present = set(own)
            held = sum(weight for word, weight in coined.items() if word in present)
            near = run.weight / most if most else 0.0
            proof = held / sum(coined.values()) * (1 - _CONTEXT + _CONTEXT * near)
            strength = max(strength, proof)
        if strength > _CONTEXT and plain not in flat:
            strength *= _NOT_VERBATIM
        strengths.append(max(strength, verbatim.strength(flat)))
    return strengths


def _of_run(asked: Asked, run: Run, most: float) -> float:
    if not run.words:
        return 0.0
    share = run.weight / asked.whole
    words = _WHOLE_WORDS if share >= _WHOLE else _WORDS
    strength = _ramp(share, *_SHARE) * _ramp(run.weight, *_WEIGHT) * _ramp(run.words, *words)
    # Half an evidence is chance more often than not.
    return float((strength * (run.weight / most) ** 2) ** _DOUBT)


@dataclass(frozen=True, slots=True)
class _Verbatim:
    """The parts of a query that are looked for letter by letter, with what each proves."""

    parts: Sequence[tuple[re.Pattern[str], float]]

    @classmethod
    def of(cls, query: Query) -> _Verbatim:
        """Take the one word of the query if it is no name, else what stands between values."""
        text = query.text
        if not any(char.isspace() for char in text):
            named = query.shape == "symbol" or query.is_file or query.other_script
            return cls([] if named else [(_as_written(text), 1.0)])
        count = sum(word.share == 1 for word in query.wording.words)
        parts = []
        for part in query.wording.fixed:
            share = len(literal_words(part)) / count if len(query.wording.lines) == 1 else 1.0
            if share >= _LEAST_PART:
                parts.append((_as_written(part), _VERBATIM * sqrt(min(share, 1.0))))
        return cls(parts)

    def strength(self, flat: str) -> float:
        """Return what a text proves, given with single spaces."""
        found = [proof for pattern, proof in self.parts if pattern.search(flat)]
        if len(found) < 2:
            return found[0] if found else 0.0
        return min(1 - prod(1 - proof for proof in found), _VERBATIM)


def _as_written(text: str) -> re.Pattern[str]:
    """Return a pattern for a text that is no part of a longer word."""
    start = r"(?<!\w)" if text[0].isalnum() else ""
    end = r"(?!\w)" if text[-1].isalnum() else ""
    return re.compile(start + re.escape(text) + end)


def _coined_words(query: Query, found: CandidateSet) -> dict[str, float]:
    """Return the words that prove a place by themselves, with their weights."""
    words = query.wording.words
    if len(words) > _FEW_WORDS:
        return {}
    weighed = {
        word.text: rarity(found.frequencies.get(word.term, 0), found.total)
        for word in words
        if word.coined
    }
    rare = {word: weight for word, weight in weighed.items() if weight >= _RARE}
    # A name that the project defines is found by its definition.
    for each in found.candidates if rare else ():
        for path in each.metadata.definitions:
            rare.pop(path.rpartition(".")[2].casefold(), None)
    return rare


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
