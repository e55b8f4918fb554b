"""What counts against a file unless the query asks for it: tests, examples, generated code ..."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from coco_core.fusion import Scores
from coco_core.languages import LanguageKind, named_language
from coco_core.query import Query
from coco_core.types import ChunkFacts

__all__ = ["PENALTIES", "file_traits", "penalty_factors"]

# Factors of the score. A test repeats the words of what it tests and would often win; but if only
# a test matches, it must still be found: so a factor, not a filter.
PENALTIES: dict[str, float] = {
    # Says every name of the code under test, and defines none of them.
    "test": 0.3,
    # Uses the code as the question does, without being the answer.
    "example": 0.3,
    # Nobody edits it; the source is elsewhere.
    "generated": 0.3,
    # Someone else's code in this repository.
    "vendored": 0.3,
    # The old way, kept for others; the new way is wanted.
    "compat": 0.3,
    # Re-exports what is defined elsewhere.
    "barrel": 0.5,
    # Declares what is implemented elsewhere.
    "declaration": 0.7,
    # Prose tells what; a question to code asks where.
    "docs": 0.6,
}

_DIRECTORIES = {
    "test": re.compile(
        r"(?:^|/)(?:tests?|testing|__tests__|specs?|testdata|__mocks__|mocks?|fixtures?|e2e"
        r"|[\w.-]*[._-]tests?|bench(?:es|marks?)?)/",
        re.IGNORECASE,
    ),
    "example": re.compile(
        r"(?:^|/)(?:examples?|samples?|demos?|docs_src|tutorials?|playground)/", re.IGNORECASE
    ),
    "generated": re.compile(r"(?:^|/)(?:generated|__generated__|gen|dist|build)/", re.IGNORECASE),
    "vendored": re.compile(
        r"(?:^|/)(?:vendor|vendored|_vendor|third_?party|external|node_modules|deps)/",
        re.IGNORECASE,
    ),
    "compat": re.compile(
        r"(?:^|/)_?(?:compat|legacy|deprecated|shims?|polyfills?)(?:[._-][^/]*)?(?:/|\.\w+$)",
        re.IGNORECASE,
    ),
}

_FILES = {
    "test": re.compile(
        r"(?:^|/)(?:test_[^/]*|[^/]*[._-](?:test|tests|spec|specs|bench|benchmark)\.[^/]+"
        r"|conftest\.py|[^/]*[a-z0-9](?:Tests?|Spec|TestCase|Benchmark)\.\w+)$"
    ),
    "example": re.compile(r"(?:^|/)(?:example|sample|demo)s?[._-][^/]*$", re.IGNORECASE),
    "generated": re.compile(
        r"(?:_pb2(?:_grpc)?\.pyi?|\.pb\.\w+|[._-]generated\.\w+|\.g\.(?:cs|dart)|\.min\.(?:js|css)"
        r"|_gen\.go|\.designer\.cs|(?:^|/)(?:package-lock\.json|[\w-]+\.lock))$",
        re.IGNORECASE,
    ),
    "barrel": re.compile(r"(?:^|/)(?:__init__\.pyi?|package-info\.java|index\.d\.ts)$"),
    "declaration": re.compile(r"\.d\.[cm]?ts$|\.pyi$"),
}

# A file that is all of these is not punished for each: the strongest reason counts.
_ASKED = {"test": "wants_tests", "example": "wants_examples", "docs": "wants_docs"}


def penalty_factors(query: Query, facts: Sequence[ChunkFacts], *, docs: bool) -> Scores:
    """Return the factor of each chunk, 1 for what stands under no suspicion."""
    forgiven = {trait for trait, asks in _ASKED.items() if getattr(query, asks)}
    if not docs:
        forgiven.add("docs")
    lowered = query.text.lower()
    forgiven |= {trait for trait in PENALTIES if trait in lowered or trait[:6] in query.words}
    known: dict[tuple[str, str], float] = {}
    factors = np.ones(len(facts))
    for i, chunk in enumerate(facts):
        place = (chunk.doc_id, chunk.language)
        factor = known.get(place)
        if factor is None:
            traits = file_traits(*place)
            factor = min((PENALTIES[trait] for trait in traits - forgiven), default=1.0)
            known[place] = factor
        factors[i] = factor
    return factors


@lru_cache(maxsize=8192)
def file_traits(doc_id: str, language: str) -> frozenset[str]:
    """Return what a path and a language tell against a file."""
    traits = {trait for trait, pattern in _DIRECTORIES.items() if pattern.search(doc_id)}
    traits |= {trait for trait, pattern in _FILES.items() if pattern.search(doc_id)}
    known = named_language(language)
    if known is not None and known.kind is LanguageKind.DOCS:
        traits.add("docs")
    return frozenset(traits)
