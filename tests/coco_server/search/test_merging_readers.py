"""Readers during merges, compactions and retention: every answer is whole, and of one version."""

from __future__ import annotations

import threading

import psycopg

from coco_core.errors import VersionNotFound
from coco_core.intent import SearchIntent
from coco_core.search.request import SearchRequest
from coco_server.search.pg import PgExecutor
from coco_server.store import chunks, compaction, retention, versions
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database
from coco_server.store.vectors import PgVectors
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant, new_tenant

DOCUMENTS = [f"d{number}" for number in range(6)]
ROUNDS = 24
POLICY = RetentionPolicy(keep_versions=1, keep_hours=0, soak_seconds=0)
REQUEST = SearchRequest.of(SearchIntent("word", retrieval_mode="fts"))


def texts(generation: int) -> dict[str, str]:
    return {doc_id: f"word of generation{generation} in {doc_id}" for doc_id in DOCUMENTS}


def answer(tenant: Tenant) -> dict[str, str] | None:
    """The texts of one answer; None if what it was chosen from is gone, which is asked again."""
    try:
        with tenant.database.read_transaction(tenant.org_id) as session:
            version = versions.resolve_version(session, tenant.project_id).version
            assert version is not None
            found = PgExecutor(session, version).search(REQUEST, None)
            keys = [each.metadata.key for each in found.candidates]
            held = chunks.contents(session, version, keys)
    except (psycopg.errors.UndefinedTable, VersionNotFound):
        return None
    return {each.doc_id: each.chunk.text for each in held.values()}


def test_every_answer_is_of_one_version(database: Database) -> None:
    tenant = new_tenant(database)
    tenant.activate(tenant.build(texts(0)))
    stop, seen, wrong = threading.Event(), set[str](), list[object]()

    def read() -> None:
        while not stop.is_set():
            found = answer(tenant)
            if found is None:
                continue
            generations = {text.split()[2] for text in found.values()}
            seen.update(generations)
            if len(generations) != 1 or sorted(found) != DOCUMENTS:
                wrong.append(found)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for generation in range(1, ROUNDS):
            version = tenant.merge(texts(generation))
            if generation % 5 == 0:
                compact(tenant, version)
            if generation % 3 == 0:
                retention.prune(database, POLICY)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not wrong, wrong[:3]
    assert len(seen) > 1
    assert answer(tenant) == texts(ROUNDS - 1)


def compact(tenant: Tenant, version: Version) -> None:
    vectors = PgVectors()
    with tenant.session() as session:
        done: compaction.Compaction | None = compaction.begin(session, version, renumber=False)
        while done is not None:
            last, done = done, compaction.copy(session, version, done, vectors)
        assert compaction.complete(session, version, last, vectors, helpers=None)
