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

__all__ = ["file_stem", "path_boosts"]

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
    if not query.words:
        return np.zeros(len(facts))
    evidence = _Evidence(query.words)
    shares = {doc_id: evidence.share(doc_id) for doc_id in {chunk.doc_id for chunk in facts}}
    return _WEIGHT * np.array([shares[chunk.doc_id] for chunk in facts])


class _Evidence:
    """How well paths say the words of one query; each name that occurs in paths is judged once."""

    def __init__(self, words: Sequence[str]) -> None:
        self._asked = tuple((word, stem(word)) for word in words)
        self._judged: dict[str, tuple[float, ...] | None] = {}

    def share(self, doc_id: str) -> float:
        """Return how much of the words the path says, from 0 to 1."""
        own, above = _names(doc_id)
        best = [0.0] * len(self._asked)
        for names, weight in ((own, 1.0), (above, _DIRECTORY_SHARE)):
            for name in names:
                judged = self._judged[name] if name in self._judged else self._judge(name)
                if judged is not None:
                    for i, likeness in enumerate(judged):
                        if likeness * weight > best[i]:
                            best[i] = likeness * weight
        return sum(best) / len(best)

    def _judge(self, name: str) -> tuple[float, ...] | None:
        """Return the likeness to each word, ``None`` if there is none: nearly all names."""
        root = stem(name) if name.isascii() else name
        found = tuple(_likeness(word, word_root, name, root) for word, word_root in self._asked)
        self._judged[name] = found if any(found) else None
        return self._judged[name]


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


@lru_cache(maxsize=8192)
def _names(doc_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of the file's name and those of its nearest directories."""
    *directories, _ = doc_id.split("/")
    own = file_stem(doc_id)
    above = [each for each in directories[-_NEAREST:] if each != own]
    return _words((own,)), _words(above)


def _words(names: Sequence[str]) -> tuple[str, ...]:
    text = split_identifiers(" ".join(names)).lower()
    for separator in "-_.":
        text = text.replace(separator, " ")
    parts = {part for part in text.split() if len(part) > 1}
    # `web_server` is also met by a query for `webserver`.
    joined = {name.lower().replace("-", "").replace("_", "") for name in names}
    return tuple(sorted(parts | joined))
