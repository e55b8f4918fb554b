"""Everyday words, as against names and made-up words that a query looks for."""

from __future__ import annotations

from functools import cache
from importlib import resources

from coco_core.stems import stem

__all__ = ["is_plain_word"]

# `fallback` and `websocket` are two words in one; shorter parts would make words of anything.
_SHORTEST_PART = 3

# No word that people use is longer; data is.
_LONGEST = 40

_PREFIXES = ("a", "un", "re", "de", "non", "sub", "pre", "multi", "async")


def is_plain_word(word: str) -> bool:
    """Tell whether a lower-case word is one that people use, or is made of two such words."""
    if len(word) > _LONGEST:
        return False
    word = word.removesuffix("ly")
    if _is_known(word):
        return True
    if any(word.startswith(prefix) and _is_known(word[len(prefix) :]) for prefix in _PREFIXES):
        return True
    cuts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    return any(_is_known(word[:cut]) and _is_known(word[cut:]) for cut in cuts)


def _is_known(word: str) -> bool:
    return stem(word) in _stems()


@cache
def _stems() -> frozenset[str]:
    path = resources.files("coco_core") / "plain_words.txt"
    return frozenset(path.read_text(encoding="utf-8").split())
