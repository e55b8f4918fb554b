"""Relevance floor: leaves out what neither the query's words nor its meaning lead to.

Something is always nearest. A chunk stays when it holds a fair share of the query's words, or when
its vector is closer than those of questions that have nothing to do with a project.
"""

from __future__ import annotations

from math import log1p

from coco_core.query import Query
from coco_core.stopwords import STOPWORDS
from coco_core.types import CandidateSet

__all__ = ["BUILT_IN_FLOOR", "STATIC_FLOOR", "below_floor", "no_match_notice", "search_notice"]

BUILT_IN_FLOOR = 0.28
"""The cosine of all-MiniLM-L6-v2 below which a chunk is not close to a query.

Measured with `bench.retrieval.floor` on ten repositories: of nonsense the best hit is below it in
95 of 100 cases, of real questions in one of 100, and those hold words that occur.
"""

STATIC_FLOOR = 0.36
"""The same where the static table embeds the query too, whose vectors lie closer together: at most
one real question in 100 is below it, and more than half of the nonsense."""

# The share of the words' weight, those that stand nowhere included, that is evidence by itself:
# of five words the two common ones are not, one that is rare is.
_FAIR_SHARE = 0.25

# A question to a project says at least one word of it; one that says none must be closer by this.
_STRANGER = 1.3


def below_floor(query: Query, found: CandidateSet, floor: float) -> frozenset[int]:
    """Return the keys of candidates that are neither near nor hold a fair share of the words.

    They are ranked all the same: how far apart the others are is measured with them.
    """
    if query.phrases:
        # What holds the text that was asked for is an answer, whatever the text means.
        return frozenset()
    if not any(each.keyword for each in found.candidates):
        floor *= _STRANGER
    least = _FAIR_SHARE * _best_keyword(query, found)
    return frozenset(
        each.metadata.key
        for each in found.candidates
        if each.vector is not None
        and each.vector < floor
        and not (each.keyword and each.keyword >= least)
        and not each.literal
        and not each.exact_name_match
        and not any(file.agreement(each.metadata.doc_id) for file in query.files)
    )


def no_match_notice(query: Query, found: CandidateSet) -> str:
    """Say what a query without any hit had in common with the index."""
    known = [word.text for word in query.wording.words if found.frequencies.get(word.term)]
    telling = [word for word in known if word not in STOPWORDS]
    if telling:
        return (
            f"Of the query's words only {_listed(telling)} occur here, and nothing is close to it."
        )
    filling = f"Apart from {_listed(known)}, no" if known else "No"
    return f"{filling} word of the query occurs here, and nothing is close to it in meaning."


def search_notice(query: Query) -> str | None:
    """Say what the built-in model can do with a query, where that is not all."""
    if not query.other_script:
        return None
    return (
        "The built-in model knows English only, so that such a question is answered by its words; "
        "a multilingual model can be named in an indexing config."
    )


def _listed(words: list[str]) -> str:
    distinct = list(dict.fromkeys(words))
    return ", ".join(f"“{word}”" for word in distinct[:5])


def _best_keyword(query: Query, found: CandidateSet) -> float:
    """Return about the keyword score of a chunk that holds every word once."""
    terms = {word.term for word in query.wording.words if word.text not in STOPWORDS}
    frequencies = (found.frequencies.get(term, 0) for term in terms if term)
    return sum(log1p((max(found.total - count, 0) + 0.5) / (count + 0.5)) for count in frequencies)
