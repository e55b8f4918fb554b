"""A version leaves little in PostgreSQL's catalog: thousands of them share one database."""

from __future__ import annotations

import pytest

from coco_server.store.session import Database
from tests.coco_server.tenants import Tenant, new_tenant

# What plans of filters go by; the samples of texts that ANALYZE keeps otherwise fill the catalog,
# and the caches of every connection.
SAMPLED = {"chunk_key", "doc_id", "kind", "language", "quality", "verified", "tags", "changed_at"}


@pytest.fixture
def tenant(database: Database) -> Tenant:
    return new_tenant(database)


def test_no_samples_of_texts_and_vectors_are_kept(tenant: Tenant) -> None:
    # Long and different texts: of one that is short, PostgreSQL would keep little anyway.
    texts = {f"doc-{n}": f"text {n} " + "word " * 100 for n in range(200)}
    number = tenant.build(texts).version_no
    with tenant.database.system() as session:
        # What ANALYZE keeps may only a reader of the table see; how much it may keep, everyone.
        rows = session.connection.execute(
            "SELECT a.attrelid::regclass::text, a.attname, a.attstattarget FROM pg_attribute a "
            "WHERE a.attrelid = ANY(ARRAY[%s::regclass, %s::regclass, %s::regclass]) "
            "AND a.attnum > 0",
            (f"source_chunks_{number}", f"chunk_vectors_{number}", f"postings_{number}"),
        ).fetchall()
    unsampled = {(table.rsplit("_", 1)[0], column) for table, column, most in rows if most == 0}
    assert {("source_chunks", "content"), ("source_chunks", "meta")} <= unsampled
    assert {("chunk_vectors", "embedding"), ("postings", "weights")} <= unsampled
    assert not SAMPLED & {column for table, column in unsampled if table == "source_chunks"}


def test_vectors_that_stay_in_the_row_have_no_toast_table(tenant: Tenant) -> None:
    number = tenant.build({"a": "text"}).version_no
    with tenant.database.system() as session:
        row = session.connection.execute(
            "SELECT reltoastrelid FROM pg_class WHERE oid = %s::regclass",
            (f"chunk_vectors_{number}",),
        ).fetchone()
    assert row == (0,)
