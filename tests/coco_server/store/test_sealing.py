"""An index is built with helpers while nobody asks, and without while somebody does."""

from __future__ import annotations

import pytest

from coco_server.store import chunks, sealing
from coco_server.store.session import Database
from tests.coco_server.tenants import Tenant, new_tenant
from tests.waiting import until

SETTING = "max_parallel_maintenance_workers"


@pytest.fixture
def tenant(database: Database, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    # Every version gets an index, however small.
    monkeypatch.setattr(sealing, "search_is_exact", lambda chunks, dimension: False)
    return new_tenant(database)


def helpers_of_a_build(tenant: Tenant, helpers: int | None = None) -> str:
    """Build a version; return how many processes might have helped, as the database knows it."""
    version = tenant.begin()
    tenant.fill(version, {f"{n}": f"text {n}" for n in range(20)})
    with tenant.database.tenant(tenant.org_id) as session:
        sealed = sealing.seal(session, version, helpers=helpers)
        row = session.connection.execute(
            "SELECT current_setting(%s), count(*) FROM pg_indexes WHERE indexname = %s GROUP BY 1",
            (SETTING, f"chunk_vectors_hnsw_{version.version_no}"),
        ).fetchone()
    assert sealed.approximate
    assert row is not None, "there is no index"
    return str(row[0])


def test_whoever_asks_keeps_the_cores(tenant: Tenant) -> None:
    with tenant.database.tenant(tenant.org_id) as session:
        row = session.connection.execute("SELECT current_setting(%s)", (SETTING,)).fetchone()
    assert row is not None
    # What other builds do, their counting and analyzing, is not asking.
    assert [helpers_of_a_build(tenant), helpers_of_a_build(tenant)] == [row[0], row[0]]
    assert helpers_of_a_build(tenant, helpers=3) == "3"
    version = tenant.activate(tenant.build({f"{n}": f"text {n}" for n in range(600)}))

    def noticed() -> bool:
        # A connection tells its counts once a second at most.
        with tenant.database.read_transaction(tenant.org_id) as session:
            chunks.contents(session, version, [1, 2, 3])
        return helpers_of_a_build(tenant) == "0"

    assert until(noticed, 30)
    assert helpers_of_a_build(tenant, helpers=1) == "1"
