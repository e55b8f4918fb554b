"""Merges: what is sent replaces the documents of the same id, and the rest stays as it is."""

from __future__ import annotations

from coco_server.store import documents, versions
from coco_server.store.session import Database
from tests.coco_worker.conftest import Start
from tests.embedding_server import EmbeddingServer
from tests.tenant import Tenant
from tests.waiting import until


def texts(tenant: Tenant, version: versions.Version) -> dict[str, str]:
    found: dict[str, str] = {}
    for doc_id, _, content in tenant.rows(version):
        found[doc_id] = found.get(doc_id, "") + content
    return found


def item(doc_id: str, content: str) -> dict[str, str]:
    return {"doc_id": doc_id, "content": content}


def test_a_merge_replaces_adds_and_deletes(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    first = tenant.succeeded(
        tenant.enqueue(tenant.ndjson([item("a", "old a"), item("b", "same b"), item("c", "old c")]))
    )
    embedded = embedding.texts
    job = tenant.merge(tenant.ndjson([item("a", "new a"), item("d", "new d")]), deletes=["c", "x"])
    assert job.version_id is None
    merged = tenant.succeeded(job)
    assert texts(tenant, merged) == {"a": "new a", "b": "same b", "d": "new d"}
    assert embedding.texts == embedded + 2
    assert merged.base_version_id == first.version_id
    assert merged.parts == (*first.parts, merged.version_no)
    assert (merged.document_count, merged.chunk_count, merged.embedded_count) == (3, 3, 3)
    with tenant.database.tenant(tenant.org_id) as session:
        assert [each.doc_id for each in documents.list_of(session, merged)] == ["a", "b", "d"]
        assert [each.doc_id for each in documents.list_of(session, first)] == ["a", "b", "c"]
    # Readers of the version before see what it held.
    assert texts(tenant, first) == {"a": "old a", "b": "same b", "c": "old c"}
    again = tenant.succeeded(tenant.merge(tenant.ndjson([item("c", "c again")]), deletes=["a"]))
    assert texts(tenant, again) == {"b": "same b", "c": "c again", "d": "new d"}
    assert (again.document_count, again.chunk_count) == (3, 3)


def test_the_first_merge_builds_the_first_version(tenant: Tenant, start: Start) -> None:
    start()
    made = tenant.succeeded(tenant.merge(tenant.ndjson([item("a", "one")]), deletes=["b"]))
    assert made.parts == (made.version_no,)
    assert made.base_version_id is None
    assert texts(tenant, made) == {"a": "one"}


def test_a_merge_that_only_deletes(tenant: Tenant, start: Start) -> None:
    start()
    tenant.succeeded(tenant.enqueue(tenant.ndjson([item("a", "one"), item("b", "two")])))
    job = tenant.merge(tenant.ndjson([]), deletes=["a"])
    made = tenant.succeeded(job)
    assert texts(tenant, made) == {"b": "two"}
    empty = tenant.succeeded(tenant.merge(tenant.ndjson([]), deletes=["b"]))
    assert texts(tenant, empty) == {}
    assert (empty.document_count, empty.chunk_count) == (0, 0)
    filled = tenant.succeeded(tenant.merge(tenant.ndjson([item("b", "three")])))
    assert texts(tenant, filled) == {"b": "three"}


def test_merges_take_turns(tenant: Tenant, start: Start) -> None:
    tenant.enqueue(tenant.ndjson([item("a", "one")]))
    jobs = [tenant.merge(tenant.ndjson([item(f"n{n}", f"text {n}")])) for n in range(6)]
    for _ in range(3):
        start()
    last = [tenant.succeeded(job) for job in jobs][-1]
    assert set(texts(tenant, last)) == {"a", *(f"n{n}" for n in range(6))}
    assert len(last.parts) == 7


def test_a_merge_begins_again_when_its_base_is_replaced(
    database: Database, tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    first = tenant.succeeded(tenant.enqueue(tenant.ndjson([item("a", "one"), item("z", "zero")])))
    tenant.succeeded(tenant.merge(tenant.ndjson([item("b", "two")])))
    # A rollback while the merge is under way: it must not bring back what was rolled back.
    before = embedding.requests
    embedding.gate.clear()
    job = tenant.merge(tenant.ndjson([item("a", "new"), {"doc_id": "bad"}]))
    until(lambda: embedding.requests > before)
    with database.tenant(tenant.org_id) as session:
        versions.rollback(session, tenant.project_id)
    embedding.gate.set()
    merged = tenant.succeeded(job)
    assert merged.base_version_id == first.version_id
    assert texts(tenant, merged) == {"a": "new", "z": "zero"}
    result = tenant.job(job.job_id).result
    assert result is not None and result["rejected"] == 1
