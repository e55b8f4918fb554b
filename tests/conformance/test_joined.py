"""Several indexes searched as one against the plain executor over all of their documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from coco_core.bm25 import joined_stats
from coco_core.intent import SearchIntent
from coco_core.ranking import rank
from coco_core.search.joined import IndexShare, JoinedExecutor
from coco_core.search.request import SearchRequest
from coco_local.search.executor import InMemoryExecutor
from tests.conformance.corpus import Document, corpus, embed
from tests.conformance.oracle import PlainExecutor
from tests.conformance.test_executors import QUERIES, lance

# Ids like those of projects: no word of a query.
NAMES = ("063feca34158", "27df8a49d34f", "9b1c77e0d215")


def parts() -> list[Sequence[Document]]:
    """The corpus dealt out to three projects, of which the last has a single file."""
    documents = corpus()
    return [documents[::2], documents[1:-2:2], documents[-2:-1]]


def below(name: str, document: Document) -> Document:
    """The document where it stands in the union: in its project's directory."""
    facts = tuple(replace(each, doc_id=f"{name}/{document.doc_id}") for each in document.facts)
    return replace(document, doc_id=f"{name}/{document.doc_id}", facts=facts)


def joined(
    intent: SearchIntent, documents: Sequence[Sequence[Document]], others: Sequence[str] = ()
) -> JoinedExecutor:
    executors: list[InMemoryExecutor] = []
    for part in documents:
        executor = lance(part, frozenset())
        assert isinstance(executor, InMemoryExecutor)
        executors.append(executor)
    query = SearchRequest.of(intent).query
    stats = joined_stats([executor.statistics(query) for executor in executors])
    for executor in executors:
        executor.look_up(query, stats)
    return JoinedExecutor(
        [
            IndexShare(name, executor, same_model=name not in others)
            for name, executor in zip(NAMES, executors, strict=False)
        ]
    )


@pytest.mark.parametrize("mode", ["fts", "vector", "hybrid"])
@pytest.mark.parametrize("query", QUERIES)
def test_the_answer_is_that_of_one_index(query: str, mode: str) -> None:
    intent = SearchIntent(query, retrieval_mode=mode)  # type: ignore[arg-type]  # one of the modes
    request = SearchRequest.of(intent)
    vector = embed(request.query.text)
    whole = [
        below(name, document)
        for name, part in zip(NAMES, parts(), strict=True)
        for document in part
    ]
    expected = PlainExecutor(whole, frozenset()).search(request, vector)
    executor = joined(intent, parts())
    found = executor.search(request, vector)
    assert (found.total, found.filtered) == (expected.total, expected.filtered)
    scores = {}
    for hit in rank(intent, request.query, found):
        name, original = executor.origins.of(hit)
        assert hit.candidate.metadata.doc_id == f"{name}/{original.candidate.metadata.doc_id}"
        if hit.score > 0:
            scores[original.candidate.metadata.key] = hit.score
    # Which texts are worth reading each index judges for itself; such a candidate may be missing,
    # or be one too many, where nothing else speaks for it.
    wanted = {
        hit.candidate.metadata.key: hit.score
        for hit in rank(intent, request.query, expected)
        if hit.score > 0
    }
    assert scores == pytest.approx(wanted, abs=1e-3)


def test_equal_paths_of_two_projects_are_two_documents() -> None:
    intent = SearchIntent("how does the router match the path of a request")
    request = SearchRequest.of(intent)
    documents = corpus()
    # The same files twice: each answers for itself, and equally well.
    executor = joined(intent, [documents, documents])
    ranked = rank(intent, request.query, executor.search(request, embed(request.query.text)))
    origins = [executor.origins.of(hit) for hit in ranked]
    best = {}
    for name, hit in origins:
        best.setdefault((name, hit.candidate.metadata.doc_id), hit.score)
    first = origins[0][1].candidate.metadata.doc_id
    assert best[NAMES[0], first] == pytest.approx(best[NAMES[1], first])
    assert len({hit.candidate.metadata.doc_id for hit in ranked}) == 2 * len(
        {hit.candidate.metadata.doc_id for _, hit in origins}
    )


def test_an_index_of_another_model_is_judged_by_its_words() -> None:
    intent = SearchIntent("router")
    request = SearchRequest.of(intent)
    executor = joined(intent, parts(), others=NAMES[1:2])
    found = executor.search(request, embed(request.query.text))
    vectors = {
        name: {
            candidate.vector is not None
            for candidate in found.candidates
            if candidate.metadata.doc_id.startswith(name)
        }
        for name in NAMES
    }
    assert vectors == {NAMES[0]: {True}, NAMES[1]: {False}, NAMES[2]: {True}}
    assert 0 < found.vector_coverage < 1
