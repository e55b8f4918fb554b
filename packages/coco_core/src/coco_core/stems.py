"""Light English stemming: the forms of one verb and its agent noun fall together, names stay apart.

``parse``, ``parses``, ``parsed``, ``parsing``, ``parser`` meet; so do ``iterate``, ``iteration``,
``iterator``, ``iter`` and ``serialise``, ``serialization``. Lighter than Porter's rules, so that
words that differ in meaning (``general``, ``generate``) stay different terms.
"""

from __future__ import annotations

__all__ = ["stem"]

_VOWELS = frozenset("aeiouy")

# Below four letters an ending is part of the word (``bed``, ``gas``).
_SHORTEST_WORD = 4

# What must remain before an ending: ``user`` is not a form of ``us``, ``ring`` not of ``r``.
_SHORTEST_BASE = 3

# Letters that English doubles before an ending (``running``, ``mapped``); ``ss`` and ``ll`` belong
# to the word itself (``passing``, ``calling``).
_DOUBLED = frozenset("bdgmnprt")


def stem(word: str) -> str:
    """Return the stem of a lower-case ASCII word; the stem need not be a word."""
    if len(word) < _SHORTEST_WORD:
        return word
    word = _singular(word)
    for ending in ("ing", "ed", "er", "or", "ion", "e"):
        if word.endswith(ending):
            base = word[: -len(ending)]
            if _can_stand(base, ending):
                return _settle(base, ending)
    return _final_i(word)


def _singular(word: str) -> str:
    if not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]


def _can_stand(base: str, ending: str) -> bool:
    if len(base) < _SHORTEST_BASE or _VOWELS.isdisjoint(base):
        return False
    # ``editor`` and ``action`` are built on verbs in t and s; ``color`` and ``million`` are not.
    return ending not in ("or", "ion") or base[-1] in "ts"


def _settle(base: str, ending: str) -> str:
    if ending in ("ing", "ed", "er") and base[-1] == base[-2] and base[-1] in _DOUBLED:
        return base[:-1]
    if base.endswith(("izat", "isat")):
        return base[: base.rindex("at") - 1] + "z"
    if base.endswith("at") and len(base) > 5 and base[-3] not in _VOWELS:
        # ``validate``, ``validation``, ``validator`` meet ``valid``; ``repeated`` stays ``repeat``.
        return base[:-2]
    if base.endswith("is") and len(base) > 4:
        # ``serialise`` meets ``serialize``.
        return base[:-1] + "z"
    return _final_i(base)


def _final_i(base: str) -> str:
    # ``query`` meets ``queried``.
    return base[:-1] + "i" if base.endswith("y") and len(base) > 3 else base
