"""A streaming replica answers queries; while it cannot, the primary does, with the same version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from coco_server.dev.postgres import DevPostgres
from coco_server.store.migrate import migrate
from tests.api_service import Org, Running, running, settings_for
from tests.waiting import until


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[DevPostgres, DevPostgres]]:
    """A primary and its replica."""
    with DevPostgres() as primary:
        migrate(primary.url())
        replica = DevPostgres().follow(primary)
        try:
            yield primary, replica
        finally:
            replica.stop()


@pytest.fixture
def service(servers: tuple[DevPostgres, DevPostgres], tmp_path: Path) -> Iterator[Running]:
    primary, replica = servers
    settings = settings_for(primary.url(), tmp_path, COCO_META_DB_REPLICA=replica.url())
    with running(settings) as found:
        yield found


def answer(service: Running, org: Org) -> tuple[str, str]:
    """Ask, and return the version that answered and the first text."""
    with service.client(org.headers) as client:
        found = client.post("/v1/docs/query", json={"query": "text"})
    assert found.status_code == 200, found.text
    return (
        found.json()["meta"]["version_id"],
        found.json()["data"]["results"][0]["chunk"]["content"],
    )


def answered_by_replica(service: Running, org: Org, expected: tuple[str, str]) -> bool:
    """Ask, and say whether the replica answered; the answer is right in any case."""
    before = service.services.replicas.answered
    assert answer(service, org) == expected
    return service.services.replicas.answered == before + 1


def test_a_replica_answers_and_never_with_an_earlier_version(
    service: Running, servers: tuple[DevPostgres, DevPostgres]
) -> None:
    _, replica = servers
    org = service.org("Acme").with_project()
    first, _ = org.build({"a": "the first text"})
    until(lambda: answered_by_replica(service, org, (first.version_id, "the first text")))
    with psycopg.connect(replica.superuser_url("coco"), autocommit=True) as administrator:
        administrator.execute("SELECT pg_wal_replay_pause()")
        second, _ = org.build({"a": "the second text"})
        # The replica still has the first one as active: the primary answers.
        assert not answered_by_replica(service, org, (second.version_id, "the second text"))
        administrator.execute("SELECT pg_wal_replay_resume()")
    until(lambda: answered_by_replica(service, org, (second.version_id, "the second text")))


def test_without_its_replica_the_primary_answers(
    service: Running, servers: tuple[DevPostgres, DevPostgres]
) -> None:
    _, replica = servers
    org = service.org("Acme").with_project()
    version, _ = org.build({"a": "some text"})
    expected = (version.version_id, "some text")
    until(lambda: answered_by_replica(service, org, expected))
    replica.stop(kill=True)
    for _ in range(5):
        assert not answered_by_replica(service, org, expected)
    replica.start()
    until(lambda: answered_by_replica(service, org, expected))
