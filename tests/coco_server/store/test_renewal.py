"""A connection that has read many versions is replaced: PostgreSQL would keep something of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coco_server.store import renewal, versions
from coco_server.store.session import Database
from tests.coco_server.tenants import Tenant, new_tenant

LIMIT = 5


@pytest.fixture
def narrow(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A pool of one connection, whose limit is low."""
    monkeypatch.setattr(renewal, "_MOST_SEGMENTS", LIMIT)
    with Database(database_url, most=1) as database:
        yield database


def ask(database: Database, tenant: Tenant) -> int:
    """Read what a query is answered from; returns the process of the backend."""
    with database.read_transaction(tenant.org_id) as session:
        assert versions.resolve_version(session, tenant.project_id).version is not None
        return session.connection.info.backend_pid


def test_after_many_versions_another_connection_serves(narrow: Database) -> None:
    tenants = [new_tenant(narrow, f"Org {number}") for number in range(LIMIT + 1)]
    for each in tenants:
        each.activate(each.build({"a": "text"}))
    first = [ask(narrow, each) for each in tenants]
    assert len(set(first)) == 1
    # The last one was too many; the next request is served by another backend.
    assert ask(narrow, tenants[0]) != first[0]
    assert narrow.statistics()["pool_size"] == 1


def test_the_same_versions_again_and_again_are_no_reason(narrow: Database) -> None:
    tenants = [new_tenant(narrow, f"Few {number}") for number in range(LIMIT)]
    for each in tenants:
        each.activate(each.build({"a": "text"}))
    assert len({ask(narrow, each) for each in tenants * 4}) == 1
