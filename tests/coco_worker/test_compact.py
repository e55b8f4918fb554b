"""Compaction: the same content in one segment, while merges go on, and never seen by a reader."""

from __future__ import annotations

from typing import Any

import pytest

from coco_server.jobs import queue, sources
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.store import compaction, orgs, retention, segments, versions
from coco_server.store.retention import RetentionPolicy
from coco_server.store.tables import in_version
from coco_server.store.versions import Version
from tests.coco_worker.conftest import Start
from tests.embedding_server import EmbeddingServer
from tests.tenant import Tenant
from tests.waiting import until

COLUMNS = "doc_id, ordinal, content, chunk_id, kind, language, definitions, token_count, meta"
AT_ONCE = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)


def item(doc_id: str, content: str) -> dict[str, str]:
    return {"doc_id": doc_id, "content": content}


def content(tenant: Tenant, version: Version) -> tuple[list[Any], list[Any], list[Any]]:
    """All that a version holds: its chunks, their vectors by document, and the names in it."""
    with tenant.database.tenant(tenant.org_id) as session:
        removed = segments.layout(session, version).removed.tolist()
        vectors = session.connection.execute(
            in_version(
                "SELECT doc_id, ordinal, embedding::text FROM {chunk_vectors} "
                "JOIN {source_chunks} USING (chunk_key) WHERE NOT chunk_key = ANY(%s) "
                "ORDER BY 1, 2",
                version.parts,
            ),
            (removed,),
        ).fetchall()
        names = session.connection.execute(
            in_version(
                "SELECT name, doc_id, ordinal FROM {chunk_names} "
                "JOIN {source_chunks} USING (chunk_key) "
                "WHERE NOT chunk_key = ANY(%s) ORDER BY 1, 2, 3",
                version.parts,
            ),
            (removed,),
        ).fetchall()
    return tenant.rows(version, COLUMNS), vectors, names


def compactions(tenant: Tenant) -> list[Job]:
    with tenant.database.tenant(tenant.org_id) as session:
        return [j for j in queue.list_of(session, tenant.project_id) if j.kind == "compact"]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compaction after three segments."""
    monkeypatch.setattr(compaction, "_MOST_SEGMENTS", 3)


def test_many_segments_become_one_of_the_same_content(
    tenant: Tenant, start: Start, soon: None, embedding: EmbeddingServer
) -> None:
    start()
    code = (
        "def first(a):\n    return a\n\n\nclass Second:\n    def third(self):\n        return 1\n"
    )
    tenant.succeeded(
        tenant.enqueue(
            tenant.ndjson([item("a.py", code), *(item(f"d{n}", f"text {n}") for n in range(9))])
        )
    )
    for number in range(2):
        tenant.succeeded(tenant.merge(tenant.ndjson([item(f"d{number}", f"new {number}")])))
    assert not compactions(tenant)
    last = tenant.succeeded(
        tenant.merge(tenant.ndjson([item("d1", "newest")]), deletes=["d2", "d3"])
    )
    (job,) = compactions(tenant)
    embedded = embedding.texts
    before = content(tenant, last)
    done = tenant.ended(job)
    assert (done.state, done.priority) == ("succeeded", -10), done.error
    assert done.result == {"compacted": True, "chunks": last.chunk_count, "segments": 4}
    now = tenant.version(last.version_id)
    assert len(now.parts) == 1 and now.parts != last.parts
    assert now.status == "ACTIVE"
    assert content(tenant, now) == before
    assert embedding.texts == embedded
    same = ("document_count", "chunk_count", "embedded_count", "item_count")
    assert [getattr(now, each) for each in same] == [getattr(last, each) for each in same]
    with tenant.database.tenant(tenant.org_id) as session:
        # It is built again from the same imports.
        assert sources.of_version(session, now) == sources.of_version(session, last)
    # What it replaced goes when no version is made of it any more, and is counted back once.
    retention.prune(tenant.database, AT_ONCE)
    with tenant.database.tenant(tenant.org_id) as session:
        assert orgs.totals(session) == orgs.OrgTotals(
            now.document_count, now.chunk_count, now.storage_bytes
        )
    merged = tenant.succeeded(tenant.merge(tenant.ndjson([item("d8", "after")])))
    assert merged.parts == (*now.parts, merged.version_no)
    assert ("d8", 0, "after") in tenant.rows(merged)


def test_a_merge_that_began_before_ends_on_the_compacted_segments(
    tenant: Tenant,
    start: Start,
    soon: None,
    embedding: EmbeddingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The compaction takes no slot: the only one is the merge's.
    start(slots=1)
    tenant.succeeded(tenant.enqueue(tenant.ndjson([item(f"d{n}", f"text {n}") for n in range(6)])))
    for number in range(2):
        tenant.succeeded(tenant.merge(tenant.ndjson([item(f"d{number}", f"new {number}")])))
    before = embedding.requests
    embedding.gate.clear()
    job = tenant.merge(tenant.ndjson([item("d5", "merged meanwhile")]), deletes=["d4"])
    until(lambda: embedding.requests > before)
    base = tenant.active()
    assert base is not None
    monkeypatch.setattr(compaction, "_MOST_SEGMENTS", 2)
    with tenant.database.tenant(tenant.org_id) as session:
        compact = queue.enqueue(
            session,
            project_id=tenant.project_id,
            kind="compact",
            payload={},
            config_id=tenant.config.config_id,
        )
    done = until(lambda: (j := tenant.job(compact.job_id)).state in DONE_STATES and j)
    assert isinstance(done, Job) and done.result is not None and done.result["compacted"]
    embedding.gate.set()
    merged = tenant.succeeded(job)
    assert merged.parts == (*tenant.version(base.version_id).parts, merged.version_no)
    assert len(merged.parts) == 2
    found = {doc_id: text for doc_id, _, text in tenant.rows(merged)}
    assert found == {
        "d0": "new 0",
        "d1": "new 1",
        "d2": "text 2",
        "d3": "text 3",
        "d5": "merged meanwhile",
    }
    assert merged.chunk_count == merged.document_count == 5


def test_keys_without_chunks_are_given_anew(
    tenant: Tenant, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "_FEW_KEYS", 10)
    monkeypatch.setattr(compaction, "_WINDOW", 4)
    start()
    tenant.succeeded(tenant.enqueue(tenant.ndjson([item(f"d{n}", f"text {n}") for n in range(3)])))
    for number in range(9):
        last = tenant.succeeded(
            tenant.merge(tenant.ndjson([item(f"d{n}", f"new {n} {number}") for n in range(2)]))
        )
        if compactions(tenant):
            break
    (job,) = compactions(tenant)
    assert job.merge
    before = content(tenant, last)
    assert tenant.ended(job).state == "succeeded"
    now = tenant.version(last.version_id)
    with tenant.database.tenant(tenant.org_id) as session:
        assert segments.layout(session, now).span == now.chunk_count == 3
    assert content(tenant, now) == before


def test_what_answers_no_more_is_not_compacted(
    tenant: Tenant, start: Start, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    tenant.succeeded(tenant.enqueue(tenant.ndjson([item("a", "one"), item("b", "two")])))
    for number in range(2):
        tenant.succeeded(tenant.merge(tenant.ndjson([item("a", f"new {number}")])))
    complete = compaction.complete

    def late(session: Any, version: Version, *args: Any, **options: Any) -> bool:
        with tenant.database.tenant(tenant.org_id) as other:
            versions.rollback(other, tenant.project_id)
        return complete(session, version, *args, **options)

    monkeypatch.setattr(compaction, "complete", late)
    last = tenant.succeeded(tenant.merge(tenant.ndjson([item("b", "newest")])))
    (job,) = compactions(tenant)
    done = tenant.ended(job)
    assert done.result is not None and done.result["compacted"] is False
    with tenant.database.tenant(tenant.org_id) as session:
        layout = segments.layout(session, last)
        # Given back as it was taken.
        assert orgs.totals(session).chunks == sum(each.chunk_count for each in layout.parts)
    assert tenant.version(last.version_id).parts == last.parts
    with tenant.database.tenant(tenant.org_id) as session:
        number = tenant.job(job.job_id).checkpoint["segment"]
        row = session.connection.execute(
            "SELECT to_regclass(%s), (SELECT count(*) FROM segments WHERE segment_no = %s)",
            (f"source_chunks_{number}", number),
        ).fetchone()
    assert row == (None, 0)
