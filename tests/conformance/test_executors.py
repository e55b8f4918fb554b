"""Every executor against the plain one: same filters, same candidates, same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_core.filters import Filters
from coco_core.intent import SearchIntent
from coco_core.query import parse_query
from coco_core.ranking import rank
from coco_core.search.ports import SearchExecutor
from coco_core.search.request import CandidateLimits, SearchRequest
from coco_core.types import CandidateSet, ChunkKind
from coco_local.index.memory import MemoryIndex
from coco_local.search.executor import InMemoryExecutor
from coco_local.store.documents import StoredDocument
from tests.conformance.corpus import DIMENSION, FILES, Document, corpus, embed
from tests.conformance.oracle import PlainExecutor
from tests.conformance.server_executors import pg, pg_segments, qdrant, qdrant_segments

Build = Callable[[Sequence[Document], frozenset[str]], SearchExecutor]


def lance(documents: Sequence[Document], without_vectors: frozenset[str]) -> SearchExecutor:
    memory = MemoryIndex(DIMENSION)
    for number, document in enumerate(documents):
        stored = StoredDocument(
            key=number,
            doc_id=document.doc_id,
            size=0,
            mtime_ns=int(document.changed_at * 1e9),
            content_hash=b"",
            language=document.language,
            encoding="utf-8",
            stored=True,
        )
        keys = [facts.key for facts in document.facts]
        memory.replace(stored, document.facts, [b"%d" % key for key in keys], document.terms)
        if document.doc_id not in without_vectors:
            memory.set_vectors(keys, document.vectors)
    return InMemoryExecutor(memory)


EXECUTORS: dict[str, Build] = {
    "lance": lance,
    "pg": pg,
    "pg_segments": pg_segments,
    "qdrant": qdrant,
    "qdrant_segments": qdrant_segments,
}

QUERIES = (
    "Router",
    "Router.match",
    "how does the router match the path of a request",
    "parse_cookie",
    "cookies of the request header",
    "retry until it succeeds",
    "tests of the router",
    "routing guide",
    "zebra",
    "cookies.py",
    'File "/srv/web/router.py", line 14, in match: raise NotFound(path)',
    "raise NotFound(path)",
)


@pytest.fixture(
    params=[
        "lance",
        pytest.param("pg", marks=pytest.mark.postgres),
        pytest.param("pg_segments", marks=pytest.mark.postgres),
        pytest.param("qdrant", marks=pytest.mark.postgres),
        pytest.param("qdrant_segments", marks=pytest.mark.postgres),
    ]
)
def build(request: pytest.FixtureRequest) -> Build:
    return EXECUTORS[request.param]


def ask(
    executor: SearchExecutor, intent: SearchIntent, most: CandidateLimits | None = None
) -> CandidateSet:
    request = SearchRequest.of(intent)
    return executor.search(
        replace(request, limits=most or request.limits), embed(request.query.text)
    )


def scores(intent: SearchIntent, answer: CandidateSet) -> dict[int, float]:
    """Final scores by key, best first."""
    ranked = rank(intent, parse_query(intent), answer)
    return {hit.candidate.metadata.key: hit.score for hit in ranked}


FILTERS = st.builds(
    Filters,
    languages=st.sampled_from([(), (), ("python",), ("go", "md"), ("rust",)]),
    include=st.sampled_from([(), (), ("*.py",), ("web/",), ("docs/**", "*.go"), ("/nothing",)]),
    narrowed=st.sampled_from(
        [(), (), (("web", "docs"),), (("*.py", "*.md"), ("router*", "w*/c*"))]
    ),
    exclude=st.sampled_from([(), (), ("tests",), ("*.md",), ("web/__init__.py",)]),
    kinds=st.sampled_from(
        [(), (), (ChunkKind.METHOD,), (ChunkKind.SECTION, ChunkKind.FUNCTION), tuple(ChunkKind)]
    ),
    symbol=st.sampled_from([None, None, "Router", "match", "Router.match", "Nope"]),
    doc_ids=st.sampled_from([(), (), ("web/router.py", "docs/guide.md"), ("gone.py",)]),
    tags=st.sampled_from([(), (), ("a",)]),
    min_quality=st.sampled_from([None, None, 0.5]),
    verified=st.sampled_from([None, None, True, False]),
    changed_since=st.sampled_from([None, None, 1003.0, 0.0, 5000.0]),
)


@pytest.mark.postgres
@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(filters=FILTERS)
def test_filters_mean_the_same(filters: Filters) -> None:
    oracle = PlainExecutor(corpus(), frozenset())
    intent = SearchIntent("router path cookies request", filters=filters)
    everything = CandidateLimits(keyword=1000, vector=1000)
    expected = ask(oracle, intent, everything)
    for make in EXECUTORS.values():
        answer = ask(make(corpus(), frozenset()), intent, everything)
        assert {c.metadata.key for c in answer.candidates} == {
            c.metadata.key for c in expected.candidates
        }
        assert answer.filtered == expected.filtered
        assert answer.total == expected.total


@pytest.mark.parametrize("mode", ["fts", "vector", "hybrid"])
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("missing", [frozenset(), frozenset({"web/router.py", "docs/guide.md"})])
def test_the_order_is_equal(build: Build, query: str, mode: str, missing: frozenset[str]) -> None:
    intent = SearchIntent(query, retrieval_mode=mode)  # type: ignore[arg-type]  # one of the modes
    expected = ask(PlainExecutor(corpus(), missing), intent)
    answer = ask(build(corpus(), missing), intent)
    assert answer.vector_coverage == pytest.approx(expected.vector_coverage)
    found, wanted_scores = scores(intent, answer), scores(intent, expected)
    assert found.keys() == wanted_scores.keys()
    # Each place holds the chunk that belongs there; stores round the last bits of equal scores.
    for key, best in zip(found, wanted_scores.values(), strict=True):
        assert wanted_scores[key] == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("query", QUERIES)
def test_raw_scores_are_the_core_s(build: Build, query: str) -> None:
    intent = SearchIntent(query)
    expected = {
        c.metadata.key: c for c in ask(PlainExecutor(corpus(), frozenset()), intent).candidates
    }
    for candidate in ask(build(corpus(), frozenset()), intent).candidates:
        other = expected[candidate.metadata.key]
        assert candidate.keyword == pytest.approx(other.keyword, rel=1e-5)
        # Stores may keep vectors in half precision.
        assert candidate.vector == pytest.approx(other.vector, abs=5e-3)


@pytest.mark.parametrize("query", QUERIES)
def test_facts_of_a_chunk_are_what_was_stored(build: Build, query: str) -> None:
    """Also what begins in it, by which experiments judge hits."""
    stored = {facts.key: facts for document in corpus() for facts in document.facts}
    assert any(facts.definitions for facts in stored.values())
    for candidate in ask(build(corpus(), frozenset()), SearchIntent(query)).candidates:
        assert candidate.metadata == stored[candidate.metadata.key]


def test_filters_come_before_the_cut(build: Build) -> None:
    """The only match outside the best k must be found when the filter excludes the others."""
    intent = SearchIntent("router", filters=Filters(include=("tests/",)))
    answer = ask(build(corpus(), frozenset()), intent, CandidateLimits(keyword=1, vector=1))
    assert {c.metadata.doc_id for c in answer.candidates} == {"tests/test_router.py"}


def test_definitions_come_along_whatever_their_scores(build: Build) -> None:
    intent = SearchIntent("zebra")
    answer = ask(build(corpus(), frozenset()), intent, CandidateLimits(0, 0, ("MATCHES",)))
    assert [c.metadata.doc_id for c in answer.candidates] == ["web/router.py"]


def test_an_empty_index_answers_nothing(build: Build) -> None:
    answer = ask(build((), frozenset()), SearchIntent("router"))
    assert (list(answer.candidates), answer.total, answer.filtered) == ([], 0, 0)


def test_the_corpus_is_what_the_tests_rely_on() -> None:
    documents = {document.doc_id: document for document in corpus()}
    assert documents.keys() == FILES.keys()
    assert len(documents["web/router.py"].facts) > 1
    assert all(np.isclose(np.linalg.norm(d.vectors, axis=1), 1).all() for d in corpus())
