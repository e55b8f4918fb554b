"""Retention keeps what a rollback needs, waits for readers, and gives the quota back."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from coco_core.configs import DEFAULT_CONFIG
from coco_core.errors import VersionConflict, VersionNotFound
from coco_server.store import chunks, orgs, retention, sealing, versions
from coco_server.store.retention import RetentionPolicy
from coco_server.store.tables import in_version
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant, register_config, rows

AT_ONCE = RetentionPolicy(keep_versions=1, keep_hours=0, soak_seconds=0)


def builds(tenant: Tenant, count: int) -> list[Version]:
    found = [tenant.build({f"{n}": f"text {n}", "b": "x"}) for n in range(count)]
    for version in found:
        tenant.activate(version)
    return found


def mine(tenant: Tenant, found: list[retention.Expired]) -> list[str]:
    return [each.version_id for each in found if each.org_id == tenant.org_id]


def test_the_active_and_the_newest_are_kept(tenant: Tenant) -> None:
    first, second, third, fourth = builds(tenant, 4)
    dry = retention.prune(tenant.database, AT_ONCE, dry_run=True)
    assert mine(tenant, dry) == [first.version_id, second.version_id]
    assert tenant.version(first).status == "ARCHIVED"
    removed = retention.prune(tenant.database, AT_ONCE)
    assert mine(tenant, removed) == [first.version_id, second.version_id]
    with tenant.database.tenant(tenant.org_id) as session:
        left = [each.version_id for each in versions.list_of(session, tenant.project_id)]
        assert left == [fourth.version_id, third.version_id]
        assert orgs.totals(session) == orgs.OrgTotals(
            4, 4, third.storage_bytes + fourth.storage_bytes
        )
    with psycopg.connect(tenant.database.url) as connection:
        row = connection.execute(
            "SELECT to_regclass(%s)", (f"source_chunks_{first.version_no}",)
        ).fetchone()
    assert row == (None,)


def test_young_versions_are_kept_whatever_their_number(tenant: Tenant) -> None:
    builds(tenant, 4)
    policy = RetentionPolicy(keep_versions=0, keep_hours=1, soak_seconds=0)
    assert mine(tenant, retention.prune(tenant.database, policy)) == []
    policy = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=60)
    assert mine(tenant, retention.prune(tenant.database, policy)) == []


def test_a_version_that_is_read_is_left_alone(tenant: Tenant) -> None:
    first, *_ = builds(tenant, 3)
    with tenant.database.tenant(tenant.org_id) as reader:
        reader.connection.execute(
            in_version("SELECT count(*) FROM {source_chunks}", first.version_no)
        )
        assert mine(tenant, retention.prune(tenant.database, AT_ONCE)) == []
        assert tenant.version(first).status == "ARCHIVED"
        row = reader.connection.execute(
            in_version("SELECT count(*) FROM {chunk_vectors}", first.version_no)
        ).fetchone()
        assert row == (2,)
    assert mine(tenant, retention.prune(tenant.database, AT_ONCE)) == [first.version_id]


def test_what_was_activated_meanwhile_is_left_alone(tenant: Tenant) -> None:
    first, *_ = builds(tenant, 3)
    with tenant.database.system() as session:
        found = [e for e in retention.expired(session, AT_ONCE) if e.org_id == tenant.org_id]
    tenant.activate(first)
    assert [retention.remove(tenant.database, each) for each in found] == [False]
    assert tenant.version(first).status == "ACTIVE"


def test_an_interrupted_removal_goes_on(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = builds(tenant, 3)
    with tenant.database.system() as session:
        (found,) = [e for e in retention.expired(session, AT_ONCE) if e.org_id == tenant.org_id]
    with tenant.database.tenant(tenant.org_id) as session:
        assert retention._take_out(session, found)
    with pytest.raises(VersionConflict):
        tenant.activate(first)
    assert mine(tenant, retention.prune(tenant.database, AT_ONCE)) == [first.version_id]
    with pytest.raises(VersionNotFound):
        tenant.version(first)
    with tenant.database.tenant(tenant.org_id) as session:
        assert orgs.totals(session).chunks == 4


def test_of_another_config_the_version_that_answers_is_kept(tenant: Tenant) -> None:
    builds(tenant, 2)
    other = replace(DEFAULT_CONFIG, config_id="other")
    beside = []
    with tenant.database.tenant(tenant.org_id) as session:
        register_config(session, other)
        for _ in range(2):
            version = versions.create(session, tenant.project_id, "other")
            chunks.append(session, version, *rows({"o": "beside"}))
            beside.append(sealing.seal(session, version))
    nothing_kept = replace(AT_ONCE, keep_versions=0)
    removed = mine(tenant, retention.prune(tenant.database, nothing_kept))
    assert beside[0].version_id in removed
    assert beside[1].version_id not in removed
    with tenant.database.tenant(tenant.org_id) as session:
        answering = versions.resolve_version(session, tenant.project_id, "other").version
    assert answering is not None
    assert answering.version_id == beside[1].version_id


def test_a_version_is_removed_on_request(tenant: Tenant) -> None:
    first, second = builds(tenant, 2)

    def remove(version: Version) -> None:
        retention.remove_version(
            tenant.database, tenant.org_id, tenant.project_id, version.version_id
        )

    with pytest.raises(VersionConflict, match="ACTIVE"):
        remove(second)
    with tenant.database.tenant(tenant.org_id) as reader:
        reader.connection.execute(in_version("SELECT FROM {source_chunks}", first.version_no))
        with pytest.raises(VersionConflict, match="being read"):
            remove(first)
    remove(first)
    with pytest.raises(VersionNotFound):
        remove(first)


def test_failed_builds_go_too(tenant: Tenant) -> None:
    version = tenant.begin()
    tenant.fill(version, {"a": "1"})
    with tenant.database.tenant(tenant.org_id) as session:
        versions.fail(session, version.version_id, {"code": "x"})
    assert mine(tenant, retention.prune(tenant.database, AT_ONCE)) == [version.version_id]
    with tenant.database.tenant(tenant.org_id) as session:
        assert orgs.totals(session) == orgs.OrgTotals(0, 0, 0)
