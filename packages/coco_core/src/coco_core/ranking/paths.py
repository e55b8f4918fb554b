"""Path boost: words of the query in the names of files and directories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from coco_core.fusion import Scores
from coco_core.header import split_identifiers
from coco_core.query import Query
from coco_core.stems import stem
from coco_core.tokens import composed
from coco_core.types import ChunkMetadata

__all__ = ["file_stem", "path_boosts"]

# A file named by exactly the words of a query is nearly as good as the best text match. Measured
# with vectors on 28 repositories: 0.89 nDCG@10 from 0.7 to 0.85, 0.887 at 1, 0.864 without paths.
_NAMED_WEIGHT = 0.8

# The rest of the path says what the file is about, not what it is.
_SAID_WEIGHT = 0.5

# A word of the directory is shared by all its files; the file's own name tells them apart.
_DIRECTORY_SHARE = 0.6

# A prefix from three letters on (`auth` for authentication, `config` for configuration).
_SHORTEST_PREFIX = 3
_PREFIX_SHARE = 0.7

# Of a path only the nearest directories speak of the file.
_NEAREST = 3

# Names that a language gives to every directory's main file: there the directory is the name.
_NAMELESS = frozenset({"__init__", "index", "mod", "init", "main", "lib", "default", "package"})


def path_boosts(query: Query, chunks: Sequence[ChunkMetadata]) -> Scores:
    """Return a boost by the share of the query's words that the path says."""
    if not query.words:
        return np.zeros(len(chunks))
    evidence = _Evidence(query.words)
    boosts = {doc_id: evidence.boost(doc_id) for doc_id in {chunk.doc_id for chunk in chunks}}
    return np.array([boosts[chunk.doc_id] for chunk in chunks])


Likeness = tuple[float, ...]


class _Evidence:
    """How well paths say the words of one query; each name that occurs in paths is judged once."""

    def __init__(self, words: Sequence[str]) -> None:
        self._asked = tuple((word, stem(word)) for word in words)
        # Equal words, equal stems and prefixes all begin alike: nearly every path is refused by
        # what its names begin with.
        self._openings = frozenset(_opening(each) for pair in self._asked for each in pair)
        self._initials = frozenset(word[0] for word in words)
        self._nothing: Likeness = (0.0,) * len(words)
        self._judged: dict[str, Likeness] = {}

    def boost(self, doc_id: str) -> float:
        """Return the boost of a file.

        *Named* is the geometric mean of how much of the query the file's name says, and how much of
        the name the query says: `pipe.c` answers a question about pipes better than
        `pipe_test_helpers.c`, and a long question as well as a short one.
        """
        names = _names(doc_id)
        if self._openings.isdisjoint(names.openings):
            return 0.0
        own, above = names.own, names.above
        said, covered = self._best(own)
        if len(own) > 1:
            as_one = self._judge(names.joined)
            if max(as_one) > covered / len(own):
                said, covered = as_one, max(as_one) * len(own)
        over, _ = self._best(above)
        if said is over:
            # Nothing is said at all.
            return 0.0
        asked = len(self._asked)
        named = math.sqrt(sum(said) / asked * covered / len(own)) if own else 0.0
        if over is self._nothing:
            return _NAMED_WEIGHT * named + _SAID_WEIGHT * sum(said) / asked
        in_path = sum(max(a, _DIRECTORY_SHARE * b) for a, b in zip(said, over, strict=True))
        return _NAMED_WEIGHT * named + _SAID_WEIGHT * in_path / asked

    def _best(self, names: Sequence[str]) -> tuple[Likeness, float]:
        """Return each asked word's best likeness, and how many of the names are asked for."""
        found = [judged for name in names if (judged := self._judge(name)) is not self._nothing]
        if not found:
            return self._nothing, 0.0
        if len(found) == 1:
            return found[0], max(found[0])
        return tuple(map(max, *found)), sum(map(max, found))

    def _judge(self, name: str) -> Likeness:
        """Return the likeness to each asked word; nearly always that is nothing."""
        if name[0] not in self._initials:
            return self._nothing
        known = self._judged.get(name)
        if known is None:
            root = _root(name)
            known = tuple(_likeness(word, own, name, root) for word, own in self._asked)
            known = self._judged[name] = known if any(known) else self._nothing
        return known


def _likeness(word: str, root: str, name: str, name_root: str) -> float:
    if word == name or root == name_root:
        return 1.0
    if len(name) >= _SHORTEST_PREFIX and word.startswith(name):
        return _PREFIX_SHARE
    if len(word) >= _SHORTEST_PREFIX and name.startswith(word):
        return _PREFIX_SHARE
    return 0.0


def file_stem(doc_id: str) -> str:
    """Return the file's name without extension; of ``web/__init__.py`` it is ``web``."""
    *directories, name = doc_id.split("/")
    own = name.partition(".")[0] or name
    return directories[-1] if own.lower() in _NAMELESS and directories else own


@dataclass(frozen=True, slots=True)
class _Names:
    """The words in a path."""

    own: tuple[str, ...]
    """of the file's name"""
    joined: str
    """the file's name as one word"""
    above: tuple[str, ...]
    """of its directories"""
    openings: frozenset[str]
    """what these words and their stems begin with"""


@lru_cache(maxsize=8192)
def _names(doc_id: str) -> _Names:
    doc_id = composed(doc_id)
    *directories, _ = doc_id.split("/")
    name = file_stem(doc_id)
    own = _words(name)
    joined = name.lower().replace("-", "").replace("_", "")
    nearest = [each for each in directories[-_NEAREST:] if each != name]
    above = tuple(word for each in nearest for word in _words(each))
    every = (*own, joined, *above)
    openings = frozenset(_opening(part) for word in every for part in (word, _root(word)))
    return _Names(own, joined, above, openings)


def _opening(word: str) -> str:
    # As long as the shortest prefix that counts; shorter words are their own opening.
    return word[:_SHORTEST_PREFIX]


@lru_cache(maxsize=8192)
def _root(name: str) -> str:
    return stem(name) if name.isascii() else name


def _words(name: str) -> tuple[str, ...]:
    text = split_identifiers(name).lower()
    for separator in "-_.":
        text = text.replace(separator, " ")
    return tuple(part for part in text.split() if len(part) > 1)
