"""Which mechanisms apply: the profile's defaults, changed by the intent's switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coco_core.intent import FusionMethod, Profile, SearchIntent
from coco_core.languages import LanguageKind, named_language
from coco_core.query import Query
from coco_core.types import Candidate

__all__ = ["Settings", "settings_for"]

# A candidate list that is nearly all prose belongs to a documentation project; one with hardly
# any is code with a README.
_DOCS_SHARE = 0.8
_CODE_SHARE = 0.3

# The stages' best candidates tell what the question is about; the tail is chance.
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """The resolved switches."""

    profile: Profile
    fusion: FusionMethod
    definitions: bool
    paths: bool
    coherence: bool
    penalties: bool
    penalize_docs: bool
    """Prose in a code project answers *what*, seldom *where*; only in profile ``code``."""


def settings_for(intent: SearchIntent, query: Query, candidates: Sequence[Candidate]) -> Settings:
    """Resolve the profile (``auto`` by candidates and query) and the switches."""
    options = intent.ranking
    profile = options.profile
    if profile == "auto":
        profile = _profile_of(query, candidates)

    def chosen(switch: bool | None, default: bool) -> bool:
        return default if switch is None else switch

    return Settings(
        profile=profile,
        # Relative scores measured better than reciprocal ranks throughout.
        fusion=options.fusion or "relative",
        definitions=chosen(options.definitions, True),
        paths=chosen(options.paths, True),
        # In documentation a file is a bag of topics: its other sections say little about this one.
        coherence=chosen(options.coherence, profile != "docs"),
        # Examples and guides are what a documentation project is made of.
        penalties=chosen(options.penalties, profile != "docs"),
        penalize_docs=profile == "code" and not query.wants_docs,
    )


def _profile_of(query: Query, candidates: Sequence[Candidate]) -> Profile:
    best = sorted(candidates, key=lambda each: -(each.keyword or 0.0))[:_LOOKED_AT]
    prose = sum(_is_prose(each.facts.language) for each in best)
    share = prose / len(best)
    if share >= _DOCS_SHARE:
        return "docs"
    if share <= _CODE_SHARE and not query.wants_docs:
        return "code"
    return "mixed"


def _is_prose(language: str) -> bool:
    known = named_language(language)
    return known is not None and known.kind in (LanguageKind.DOCS, LanguageKind.TEXT)
