"""Ranking profiles: the boosts and penalties in effect, adjusted by the intent's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from coco_core.intent import FusionMethod, Profile, SearchIntent
from coco_core.languages import LanguageKind, named_language
from coco_core.query import Query
from coco_core.types import Candidate

__all__ = ["RankingSettings", "Worth", "is_prose", "settings_for"]

# From here on the project has documents that a user's question can be about.
_HAS_DOCS = 0.3

# The stages' best candidates tell what the question is about; the tail is chance.
_LOOKED_AT = 50

_PROSE_KINDS = frozenset({LanguageKind.DOCS, LanguageKind.TEXT})


@dataclass(frozen=True, slots=True)
class Worth:
    """What evidence is worth in prose, as a share of what it is worth in code."""

    definitions: float
    """A heading of that name."""
    paths: float
    coherence: float


# In code search a page must match better than the code itself: a heading defines nothing, a page is
# not called what a module is called, and all of it is about the topic. (Measured on 26
# repositories with their documents in the index: code lost 0.017 nDCG@10 without this, 0.002 with.)
# Pages are named after topics so broad that their names tell little: 0.1 to 0.3 answer best.
_PROSE: Mapping[Profile, Worth] = {
    "code": Worth(definitions=0.0, paths=0.0, coherence=0.0),
    "mixed": Worth(definitions=0.0, paths=0.2, coherence=1.0),
    "docs": Worth(definitions=1.0, paths=0.2, coherence=1.0),
}


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """The resolved switches."""

    profile: Profile
    fusion: FusionMethod
    definitions: bool
    paths: bool
    coherence: bool
    literal: bool
    penalties: bool
    against: Literal["docs", "source"] | None
    """The kind of file that is not looked for: prose answers *what*, code answers *where*."""
    prose: Worth
    one_page: bool
    """One place of an answer in code is for the best page: who did not say what is looked for may
    have meant the documents."""


def settings_for(
    intent: SearchIntent, query: Query, candidates: Sequence[Candidate]
) -> RankingSettings:
    """Resolve the profile (``auto`` by candidates and query) and the switches."""
    options = intent.ranking
    profile = options.profile
    if profile == "auto":
        profile = _profile_of(query, candidates)

    def chosen(switch: bool | None, default: bool) -> bool:
        return default if switch is None else switch

    return RankingSettings(
        profile=profile,
        # Relative scores measured better than reciprocal ranks throughout.
        fusion=options.fusion or "relative",
        definitions=chosen(options.definitions, True),
        paths=chosen(options.paths, True),
        coherence=chosen(options.coherence, True),
        literal=chosen(options.literal, True),
        penalties=chosen(options.penalties, True),
        against={"code": None if query.wants_docs else "docs", "docs": "source"}.get(profile),
        one_page=options.profile == "auto" and profile == "code",
        prose=_PROSE["mixed" if profile == "code" and query.wants_docs else profile],
    )


def _profile_of(query: Query, candidates: Sequence[Candidate]) -> Profile:
    """Choose by what there is and how it is asked; how much prose matches is no sign.

    A page repeats the words of a question to the code: where documents are many, most candidates of
    most questions are prose.
    """
    kinds = {_kind(each.metadata.language) for each in candidates}
    if LanguageKind.CODE not in kinds and not _PROSE_KINDS.isdisjoint(kinds):
        return "docs"
    if query.asks_as_user:
        best = sorted(candidates, key=lambda each: -(each.keyword or 0.0))[:_LOOKED_AT]
        share = sum(is_prose(each.metadata.language) for each in best) / len(best)
        return "docs" if share >= _HAS_DOCS else "mixed"
    return "mixed" if query.wants_docs else "code"


def is_prose(language: str) -> bool:
    """Whether a language is written for people: Markdown and its like, or plain text."""
    return _kind(language) in _PROSE_KINDS


@cache
def _kind(language: str) -> LanguageKind | None:
    known = named_language(language)
    return None if known is None else known.kind
