"""Evidence in names of files and directories: people name a file after what it does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from coco_core.fusion import Scores
from coco_core.header import split_identifiers
from coco_core.query import Query
from coco_core.stems import stem
from coco_core.types import ChunkFacts

__all__ = ["file_stem", "path_boosts", "path_share"]

# A file whose name says all the words of a query is as good as the best text match.
_WEIGHT = 1.0

# A word of the directory is shared by all its files; the file's own name tells them apart.
_DIRECTORY_SHARE = 0.6

# A prefix from three letters on (`auth` for authentication, `config` for configuration).
_SHORTEST_PREFIX = 3
_PREFIX_SHARE = 0.7

# Of a path only the nearest directories speak of the file.
_NEAREST = 3

# Names that a language gives to every directory's main file: there the directory is the name.
_NAMELESS = frozenset({"__init__", "index", "mod", "init", "main", "lib", "default", "package"})


def path_boosts(query: Query, facts: Sequence[ChunkFacts]) -> Scores:
    """Return a boost by the share of the query's words that the path says."""
    boosts = np.zeros(len(facts))
    asked = tuple((word, stem(word)) for word in query.words)
    if not asked:
        return boosts
    known: dict[str, float] = {}
    for i, chunk in enumerate(facts):
        share = known.get(chunk.doc_id)
        if share is None:
            share = known[chunk.doc_id] = path_share(asked, chunk.doc_id)
        boosts[i] = _WEIGHT * share
    return boosts


def path_share(asked: Sequence[tuple[str, str]], doc_id: str) -> float:
    """Return how much of the words (with their stems) the path says, from 0 to 1."""
    own, above = _names(doc_id)
    total = 0.0
    for word, root in asked:
        best = 0.0
        for name, name_root in own:
            best = max(best, _likeness(word, root, name, name_root))
        if best < _DIRECTORY_SHARE:
            for name, name_root in above:
                best = max(best, _DIRECTORY_SHARE * _likeness(word, root, name, name_root))
        total += best
    return total / len(asked)


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


Names = tuple[tuple[str, str], ...]


@lru_cache(maxsize=8192)
def _names(doc_id: str) -> tuple[Names, Names]:
    """Return the words of the file's name and of its nearest directories, with their stems."""
    *directories, _ = doc_id.split("/")
    own = file_stem(doc_id)
    above = [each for each in directories[-_NEAREST:] if each != own]
    return _words((own,)), _words(above)


def _words(names: Sequence[str]) -> Names:
    text = split_identifiers(" ".join(names)).lower()
    for separator in "-_.":
        text = text.replace(separator, " ")
    parts = {part for part in text.split() if len(part) > 1}
    # `webserver` asked as `web server` is met by prefix; `web_server` asked as `webserver` here.
    joined = {name.lower().replace("-", "").replace("_", "") for name in names}
    return tuple((part, stem(part) if part.isascii() else part) for part in sorted(parts | joined))
