"""Random histories of merges, compactions and rollbacks against a plain dict and a full build."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_core.intent import SearchIntent
from coco_core.search.request import SearchRequest
from coco_server.search.pg import PgExecutor
from coco_server.store import compaction, documents, export, retention, segments, versions
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database
from coco_server.store.vectors import PgVectors
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant, new_tenant, vector_of

Texts: TypeAlias = dict[str, str]

WORDS = ("alpha", "bravo", "charlie", "delta", "echo")
DOC_IDS = ("a.md", "b/c.md", "b/d.md", "e.md", "f.md")
KEEPS_SOME = RetentionPolicy(keep_versions=3, keep_hours=0, soak_seconds=0)

TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
MERGE = st.tuples(
    st.just("merge"),
    st.dictionaries(st.sampled_from(DOC_IDS), TEXT, max_size=3),
    st.lists(st.sampled_from(DOC_IDS), max_size=2, unique=True),
)
STEPS = st.lists(
    st.one_of(
        MERGE,
        MERGE,
        MERGE,
        st.tuples(st.just("replace"), st.dictionaries(st.sampled_from(DOC_IDS), TEXT, min_size=1)),
        st.tuples(st.just("compact"), st.booleans()),
        st.tuples(st.just("rollback")),
        st.tuples(st.just("prune")),
    ),
    min_size=3,
    max_size=9,
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(steps=STEPS)
def test_a_version_holds_what_its_history_says(database: Database, steps: list[Any]) -> None:
    tenant = new_tenant(database)
    history: list[tuple[str, Texts]] = []
    every: set[str] = set()
    _answer(tenant, history, tenant.build({"a.md": "alpha bravo"}), {"a.md": "alpha bravo"})
    for step in steps:
        now = history[-1][1]
        match step:
            case ("merge", sent, deleted):
                texts = {k: v for k, v in now.items() if k not in deleted} | sent
                history.append((tenant.merge(sent, deleted).version_id, texts))
            case ("replace", texts):
                _answer(tenant, history, tenant.build(texts), texts)
            case ("compact", renumber):
                _compact(tenant, history[-1][0], renumber=renumber)
            case ("rollback",) if len(history) > 1:
                with tenant.session() as session:
                    back = versions.rollback(session, tenant.project_id)
                history.pop()
                assert back.version_id == history[-1][0]
            case ("prune",):
                retention.prune(database, KEEPS_SOME)
                with tenant.session() as session:
                    left = {v.version_id for v in versions.list_of(session, tenant.project_id)}
                history = [each for each in history if each[0] in left]
        every |= set(history[-1][1].values())
        _check(tenant, *history[-1], every)


def _answer(
    tenant: Tenant, history: list[tuple[str, Texts]], version: Version, texts: Texts
) -> None:
    tenant.activate(version)
    history.append((version.version_id, texts))


def _compact(tenant: Tenant, version_id: str, *, renumber: bool) -> None:
    vectors = PgVectors()
    with tenant.session() as session:
        version = versions.get(session, tenant.project_id, version_id)
        done: compaction.Compaction | None = compaction.begin(session, version, renumber=renumber)
        while done is not None:
            last, done = done, compaction.copy(session, version, done, vectors)
        assert compaction.complete(session, version, last, vectors, helpers=None)


def _check(tenant: Tenant, version_id: str, texts: Texts, every: set[str]) -> None:
    with tenant.session() as session:
        version = versions.get(session, tenant.project_id, version_id)
        assert version.status == "ACTIVE"
        listed = [each.doc_id for each in documents.list_of(session, version)]
        assert sorted(listed) == sorted(texts)
        assert version.document_count == version.chunk_count == len(texts)
        rows = export.read_rows(session, export.chunks_as_json(version))
        held = {row["doc_id"]: row["content"] for part in rows for row in map(json.loads, part)}
        assert held == texts
        layout = segments.layout(session, version)
        assert sum(e.chunk_count for e in layout.parts) - len(layout.removed) == len(texts)
    for word in WORDS:
        found = _found(tenant, version, word)
        assert found == {doc_id for doc_id, text in texts.items() if word in text.split()}
    # By vectors, each text finds its own document, and what was removed finds another one.
    for text in every:
        nearest = _nearest(tenant, version, text)
        assert nearest is None or nearest in texts
        same = {doc_id for doc_id, own in texts.items() if own == text}
        assert not same or nearest in same


def _found(tenant: Tenant, version: Version, word: str) -> set[str]:
    intent = SearchIntent(word, retrieval_mode="fts")
    with tenant.database.read_transaction(tenant.org_id) as session:
        answer = PgExecutor(session, version).search(SearchRequest.of(intent), None)
    return {each.metadata.doc_id for each in answer.candidates if each.keyword}


def _nearest(tenant: Tenant, version: Version, text: str) -> str | None:
    vector = vector_of(text)
    intent = SearchIntent("anything", retrieval_mode="vector")
    with tenant.database.read_transaction(tenant.org_id) as session:
        answer = PgExecutor(session, version).search(
            SearchRequest.of(intent), vector / np.linalg.norm(vector)
        )
    found = sorted(answer.candidates, key=lambda each: -(each.vector or -1.0))
    return found[0].metadata.doc_id if found else None
