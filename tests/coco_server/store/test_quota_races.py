"""Quotas are charged before the work, by turns, and given back once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from coco_core.configs import DEFAULT_CONFIG, IndexingConfig
from coco_core.errors import QuotaExceeded
from coco_server.store import memos, orgs, usage, versions
from coco_server.store.session import Database, Scope
from coco_server.store.usage import Quotas
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant, new_tenant, register_config

AT_ONCE = 8


@pytest.fixture
def tenant(database: Database) -> Tenant:
    return new_tenant(database)


def builds(tenant: Tenant, count: int) -> list[Version]:
    """Begin builds of one project, each under a config of its own."""
    begun = []
    with tenant.session() as session:
        for number in range(count):
            body = DEFAULT_CONFIG.to_dict() | {"config_id": f"config-{number}"}
            register_config(session, IndexingConfig.from_dict(body), 8)
            begun.append(versions.create(session, tenant.project_id, f"config-{number}"))
    return begun


def at_once(work: list[Callable[[], None]]) -> int:
    """Run everything at the same time; return how many a quota refused."""
    barrier = Barrier(len(work))

    def run(each: Callable[[], None]) -> bool:
        barrier.wait()
        try:
            each()
        except QuotaExceeded:
            return True
        return False

    with ThreadPoolExecutor(len(work)) as pool:
        return sum(pool.map(run, work))


def embeddings(tenant: Tenant) -> int:
    with tenant.session() as session:
        return usage.embeddings_today(session)


def hold(tenant: Tenant, version: Version, number: int, quotas: Quotas) -> None:
    with tenant.session() as session:
        usage.hold_embeddings(session, quotas, version.version_id, number)


def test_builds_at_once_do_not_pass_the_embeddings_of_a_day(tenant: Tenant) -> None:
    quotas = Quotas(embeddings_per_day=50)
    begun = builds(tenant, AT_ONCE)
    refused = at_once([lambda each=each: hold(tenant, each, 10, quotas) for each in begun])  # type: ignore[misc]
    assert (refused, embeddings(tenant)) == (AT_ONCE - 5, 50)


def test_the_next_attempt_holds_a_batch_no_second_time(tenant: Tenant) -> None:
    (version,) = builds(tenant, 1)
    quotas = Quotas(embeddings_per_day=15)
    hold(tenant, version, 10, quotas)
    hold(tenant, version, 10, quotas)
    assert embeddings(tenant) == 10
    hold(tenant, version, 15, quotas)
    assert embeddings(tenant) == 15
    with pytest.raises(QuotaExceeded):
        hold(tenant, version, 16, quotas)
    assert embeddings(tenant) == 15


def test_what_was_held_is_given_back_once_and_what_was_written_is_not(tenant: Tenant) -> None:
    written, failed = builds(tenant, 2)
    for version in (written, failed):
        hold(tenant, version, 10, Quotas())
    with tenant.session() as session:
        usage.use_held(session, written.version_id, 10)

    def fail(version: Version) -> None:
        with tenant.session() as session:
            versions.fail(session, version.version_id, {"code": "internal"})

    at_once([lambda: fail(failed), lambda: fail(failed), lambda: fail(written)])
    assert embeddings(tenant) == 10


def test_imports_at_once_do_not_pass_what_the_org_may_hold(tenant: Tenant) -> None:
    begun = builds(tenant, AT_ONCE)
    quotas = Quotas(documents=30, storage_bytes=10_000)

    def reserve(version: Version) -> None:
        with tenant.session() as session:
            usage.reserve_build(
                session, quotas, version.version_id, documents=10, storage_bytes=100
            )

    refused = at_once([lambda each=each: reserve(each) for each in begun])  # type: ignore[misc]
    with tenant.session() as session:
        held = orgs.totals(session)
    assert (refused, held.documents, held.storage_bytes) == (AT_ONCE - 3, 30, 300)


def test_notes_at_once_do_not_pass_what_the_org_may_hold(tenant: Tenant) -> None:
    scope = Scope(tenant.org_id, "ann", tenant.project_id)
    with tenant.session() as session:
        owner, _ = memos.open_session(session, scope, ttl_seconds=60)

    def write() -> None:
        with tenant.session() as session:
            memos.create(session, owner, "a note", quotas=Quotas(documents=3))

    assert at_once([write] * AT_ONCE) == AT_ONCE - 3
    with tenant.session() as session:
        assert orgs.totals(session).documents == 3
        assert len(memos.list_of(session, owner)) == 3
