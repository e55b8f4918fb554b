"""Segments are shared by versions, and dropped and counted back once, with the last of them."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from coco_core.errors import VersionConflict, VersionNotFound
from coco_server.store import (
    compaction,
    documents,
    export,
    merging,
    orgs,
    retention,
    segment_drop,
    segments,
    versions,
)
from coco_server.store.orgs import OrgTotals
from coco_server.store.retention import RetentionPolicy
from coco_server.store.tables import in_version
from coco_server.store.vectors import PgVectors
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant

AT_ONCE = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)


def exported(tenant: Tenant, version: Version) -> str:
    with tenant.session() as session:
        parts = export.read_rows(session, export.chunks_as_json(version))
        return b"\n".join(row for rows in parts for row in rows).decode()


def totals(tenant: Tenant) -> OrgTotals:
    with tenant.session() as session:
        return orgs.totals(session)


def tables(tenant: Tenant, number: int) -> bool:
    with tenant.session() as session:
        row = session.connection.execute(
            "SELECT to_regclass(%s)", (f"source_chunks_{number}",)
        ).fetchone()
    return row is not None and row[0] is not None


def test_keys_go_on_and_what_is_replaced_gets_a_tombstone(tenant: Tenant) -> None:
    first = tenant.activate(tenant.build({"a": "one", "b": "two", "c": "three"}))
    second = tenant.merge({"b": "two again", "d": "four"}, deletes=["a", "unknown"])
    third = tenant.merge({"b": "two for the third time"})
    with tenant.session() as session:
        found = segments.layout(session, third)
    assert [(each.first_key, each.end_key) for each in found.parts] == [(0, 3), (3, 5), (5, 6)]
    assert found.removed.tolist() == [0, 1, 3]
    assert found.span == 6
    assert third.parts == (first.version_no, second.version_no, third.version_no)
    assert (third.document_count, third.chunk_count, third.embedded_count) == (3, 3, 3)
    assert third.storage_bytes == sum(each.storage_bytes for each in found.parts)
    text = exported(tenant, third)
    assert "two for the third time" in text and "three" in text and "four" in text
    assert "one" not in text and "two again" not in text
    assert "two again" in exported(tenant, second)


def test_documents_are_read_over_all_segments(tenant: Tenant) -> None:
    tenant.activate(tenant.build({f"old/{n}": f"text {n}" for n in range(5)}))
    tenant.merge({"new/1": "n", "old/2": "other"}, deletes=["old/4"])
    version = tenant.merge({"old/4": "back"}, deletes=["old/0"])
    with tenant.session() as session:
        every = documents.list_of(session, version)
        ids = [each.doc_id for each in every]
        assert ids == ["new/1", "old/1", "old/2", "old/3", "old/4"]
        pages = [documents.list_of(session, version, after=a, most=2) for a in ("", "old/1")]
        assert [each.doc_id for page in pages for each in page] == ids[:4]
        assert documents.list_of(session, version, prefix="old/", most=1)[0].doc_id == "old/1"
        assert documents.count(session, version) == 5
        assert documents.count(session, version, prefix="old/") == 4
        assert documents.existing(session, version, ["old/0", "old/2", "x"]) == {"old/2"}
        assert documents.get(session, version, "old/4").version_no == version.version_no
        with pytest.raises(documents.DocumentNotFound, match="'old/0'"):
            documents.get(session, version, "old/0")


def test_a_segment_goes_with_the_last_version_that_is_made_of_it(tenant: Tenant) -> None:
    first = tenant.activate(tenant.build({"a": "one", "b": "two"}))
    second = tenant.merge({"b": "other"})
    assert totals(tenant).chunks == 3
    retention.prune(tenant.database, AT_ONCE)
    with pytest.raises(VersionNotFound):
        tenant.version(first)
    assert tables(tenant, first.version_no)
    assert totals(tenant).chunks == 3
    last = tenant.activate(tenant.build({"c": "three"}))
    retention.prune(tenant.database, AT_ONCE)
    assert not tables(tenant, first.version_no) and not tables(tenant, second.version_no)
    assert totals(tenant) == OrgTotals(1, 1, last.storage_bytes)
    with tenant.session() as session:
        for table in ("segments", "documents", "project_versions"):
            row = session.connection.execute(
                f"SELECT count(*) FROM {table} WHERE org_id = %s", (tenant.org_id,)
            ).fetchone()
            assert row == (1,), table


def test_a_merge_that_failed_gives_back_its_own_and_leaves_its_base(tenant: Tenant) -> None:
    first = tenant.activate(tenant.build({"a": "one", "b": "two"}))
    before = totals(tenant)
    version = tenant.begin_merge()
    tenant.fill(version, {"a": "never complete"})
    with tenant.session() as session:
        versions.fail(session, version.version_id, {"code": "x"})
    retention.prune(tenant.database, AT_ONCE)
    assert not tables(tenant, version.version_no)
    assert totals(tenant) == before
    assert "one" in exported(tenant, first)


def test_an_abandoned_compaction_gives_back_what_it_copied_and_no_more(tenant: Tenant) -> None:
    """It gave back chunks that it had never taken: the org's quota grew with each."""
    tenant.activate(tenant.build({"a": "one", "b": "two"}))
    merged = tenant.merge({"c": "three"})
    before = totals(tenant)
    vectors = PgVectors()
    with tenant.session() as session:
        begun = compaction.begin(session, merged, renumber=False)
        copied = compaction.copy(session, merged, begun, vectors)
    assert copied is not None and copied.chunks == 3
    assert totals(tenant).chunks == before.chunks + 3
    assert segment_drop.drop_unused(tenant.database, soak_seconds=0) == 1
    assert totals(tenant) == before


def test_an_older_release_drops_no_shared_segment(tenant: Tenant) -> None:
    """It knows of no sharing, and calls the function for each version that it removes."""
    first = tenant.activate(tenant.build({"a": "one"}))
    tenant.merge({"b": "two"})
    with pytest.raises(psycopg.errors.LockNotAvailable), tenant.session() as session:
        session.connection.execute(
            "SELECT coco_drop_version(%s, %s)", (first.version_no, tenant.org_id)
        )
    assert tables(tenant, first.version_no)


def test_a_build_that_an_older_release_began_is_completed_and_merged_into(tenant: Tenant) -> None:
    version = tenant.begin()
    with tenant.session() as session:
        session.connection.execute(
            "DELETE FROM segments WHERE segment_no = %s", (version.version_no,)
        )
        session.connection.execute(
            "UPDATE project_versions SET segments = '{}' WHERE version_id = %s",
            (version.version_id,),
        )
    tenant.fill(version, {"a": "one"})
    tenant.fill(version, {"b": "two"})
    ready = tenant.activate(tenant.seal(version))
    assert (ready.parts, ready.chunk_count) == ((ready.version_no,), 2)
    merged = tenant.merge({"b": "other"})
    with tenant.session() as session:
        assert segments.layout(session, merged).removed.tolist() == [1]
    assert merged.chunk_count == 2


def test_merges_are_kept_up_to_a_number_however_young(tenant: Tenant) -> None:
    tenant.activate(tenant.build({"a": "one"}))
    made = [tenant.merge({"a": f"text {number}"}) for number in range(5)]
    policy = replace(AT_ONCE, keep_hours=24, keep_versions=1, keep_merges=2)
    retention.prune(tenant.database, policy)
    with tenant.session() as session:
        left = {each.version_id for each in versions.list_of(session, tenant.project_id)}
    assert {each.version_id for each in made[2:]} <= left
    assert not {each.version_id for each in made[:2]} & left


def test_a_merge_activates_only_over_its_base(tenant: Tenant) -> None:
    tenant.activate(tenant.build({"a": "one"}))
    late = tenant.merge({"a": "late"}, activate=False)
    other = tenant.activate(tenant.build({"a": "other"}))
    with pytest.raises(VersionConflict), tenant.session() as session:
        merging.activate(session, late, None)
    assert tenant.active() == other.version_id


def test_chunks_of_one_version_have_one_key_each(tenant: Tenant) -> None:
    tenant.activate(tenant.build({"a": "one"}))
    version = tenant.merge({"b": "two"})
    with tenant.session() as session:
        keys = session.connection.execute(
            in_version("SELECT chunk_key FROM {source_chunks} ORDER BY 1", version.parts)
        ).fetchall()
    assert keys == [(0,), (1,)]
