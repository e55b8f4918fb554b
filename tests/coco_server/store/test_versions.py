"""Version states are guarded by the database; activation is one atomic step."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from coco_core.errors import VersionConflict, VersionNotFound
from coco_server.store import activations, orgs, retention, versions
from coco_server.store.activations import Intent
from coco_server.store.vectors import PgVectors
from tests.coco_server.tenants import Tenant


def test_a_build_becomes_ready_and_active_and_archived(tenant: Tenant) -> None:
    first = tenant.build({"a": "one", "b": "two"})
    assert (first.status, first.chunk_count, first.document_count) == ("READY", 2, 2)
    assert tenant.active() is None
    assert tenant.activate(first).status == "ACTIVE"
    second = tenant.build({"a": "three"})
    tenant.activate(second, expected=first.version_id)
    assert tenant.active() == second.version_id
    assert tenant.version(first).status == "ARCHIVED"


def test_one_build_of_a_config_at_a_time(tenant: Tenant) -> None:
    tenant.begin()
    with pytest.raises(VersionConflict, match="under way"):
        tenant.begin()


def test_concurrent_builds_of_a_config_leave_one(tenant: Tenant) -> None:
    def begin(_: int) -> bool:
        try:
            tenant.begin()
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(8))) == 1


@pytest.mark.parametrize("status", ["ACTIVE", "BUILDING"])
def test_the_database_itself_refuses_a_second(tenant: Tenant, status: str) -> None:
    for _ in range(2):
        tenant.build({"a": "x"})
    with pytest.raises(psycopg.errors.UniqueViolation), tenant.session() as session:
        session.connection.execute(
            "UPDATE project_versions SET status = %s WHERE project_id = %s",
            (status, tenant.project_id),
        )


def test_what_is_not_complete_cannot_be_activated(tenant: Tenant) -> None:
    building = tenant.begin()
    with pytest.raises(VersionConflict, match="BUILDING"):
        tenant.activate(building)
    with tenant.database.tenant(tenant.org_id) as session:
        versions.fail(session, building.version_id, {"code": "x"})
    with pytest.raises(VersionConflict, match="FAILED"):
        tenant.activate(building)
    with pytest.raises(VersionConflict):
        tenant.fill(building, {"late": "row"})
    with pytest.raises(VersionNotFound), tenant.session() as session:
        versions.activate(session, tenant.project_id, "ver_none")


def test_activation_compares_before_it_swaps(tenant: Tenant) -> None:
    first, second = tenant.build({"a": "1"}), tenant.build({"a": "2"})
    tenant.activate(first, expected=None)
    with pytest.raises(VersionConflict, match="active version"):
        tenant.activate(second, expected=None)
    assert tenant.active() == first.version_id
    assert tenant.activate(first, expected=first.version_id).status == "ACTIVE"


def test_of_racing_activations_with_one_expectation_one_wins(tenant: Tenant) -> None:
    base = tenant.activate(tenant.build({"a": "0"}))
    racers = [tenant.build({"a": str(n)}) for n in range(6)]
    barrier = threading.Barrier(len(racers))

    def race(version: versions.Version) -> bool:
        barrier.wait()
        try:
            tenant.activate(version, expected=base.version_id)
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(len(racers)) as pool:
        won = list(pool.map(race, racers))
    assert sum(won) == 1
    assert tenant.active() == racers[won.index(True)].version_id
    statuses = [tenant.version(each).status for each in racers]
    assert statuses.count("ACTIVE") == 1
    assert statuses.count("READY") == 5


def test_racing_activations_without_expectation_end_in_one_active(tenant: Tenant) -> None:
    racers = [tenant.build({"a": str(n)}) for n in range(6)]
    with ThreadPoolExecutor(len(racers)) as pool:
        list(pool.map(tenant.activate, racers))
    statuses = [tenant.version(each).status for each in racers]
    assert statuses.count("ACTIVE") == 1
    assert tenant.active() == racers[statuses.index("ACTIVE")].version_id


def test_rollback_goes_back_to_what_was_active_before(tenant: Tenant) -> None:
    made = [tenant.build({"a": str(number)}) for number in range(4)]

    def roll_back() -> str:
        with tenant.session() as session:
            return versions.rollback(session, tenant.project_id).version_id

    with pytest.raises(VersionConflict, match="no earlier"):
        roll_back()
    for version in made[:3]:
        tenant.activate(version)
    assert [roll_back(), roll_back()] == [made[1].version_id, made[0].version_id]
    with pytest.raises(VersionConflict, match="no earlier"):
        roll_back()
    assert tenant.active() == made[0].version_id
    # What is activated now comes after the one that was gone back to.
    tenant.activate(made[3])
    assert roll_back() == made[0].version_id
    # By name, any complete version can be activated, also one that was left.
    tenant.activate(made[2])
    assert roll_back() == made[0].version_id


def test_a_rollback_passes_over_what_is_removed(tenant: Tenant) -> None:
    first, second, third = (tenant.build({"a": str(number)}) for number in range(3))
    for version in (first, second, third):
        tenant.activate(version)
    retention.remove_version(
        tenant.database, tenant.org_id, tenant.project_id, second.version_id, PgVectors()
    )
    with tenant.session() as session:
        assert versions.rollback(session, tenant.project_id).version_id == first.version_id


def test_the_newer_of_two_builds_wins_whichever_ends_first(tenant: Tenant) -> None:
    for order in ((0, 1), (1, 0)):
        pair = [tenant.build({"a": "1"}), tenant.build({"a": "2"})]
        intents = [_intent(tenant) for _ in pair]
        activated = {place: _ended(tenant, pair[place], intents[place]) for place in order}
        assert tenant.active() == pair[1].version_id
        assert activated == {0: order == (0, 1), 1: True}


def test_a_build_does_not_undo_a_rollback(tenant: Tenant) -> None:
    first, second = tenant.build({"a": "1"}), tenant.build({"a": "2"})
    tenant.activate(first)
    tenant.activate(second)
    late, began = tenant.build({"a": "3"}), _intent(tenant)
    with tenant.session() as session:
        versions.rollback(session, tenant.project_id)
    assert not _ended(tenant, late, began)
    assert tenant.active() == first.version_id
    assert tenant.version(late).status == "READY"
    # One that is asked for after the rollback does.
    assert _ended(tenant, late, _intent(tenant))


def _intent(tenant: Tenant) -> Intent:
    with tenant.session() as session:
        return activations.declare(session, tenant.project_id)


def _ended(tenant: Tenant, version: versions.Version, began: Intent) -> bool:
    """Let a build end; returns whether it was activated."""
    with tenant.session() as session:
        done = versions.activate_build(session, version, began)
        return done is not None


def test_a_seal_finds_rows_that_were_not_counted(tenant: Tenant) -> None:
    version = tenant.begin()
    tenant.fill(version, {"a": "1"})
    with tenant.database.tenant(tenant.org_id) as session:
        session.connection.execute(
            "UPDATE project_versions SET chunk_count = 2 WHERE version_id = %s",
            (version.version_id,),
        )
    with pytest.raises(VersionConflict, match="were written"):
        tenant.seal(version)
    assert tenant.version(version).status == "BUILDING"


def test_a_lost_batch_leaves_nothing(tenant: Tenant) -> None:
    version = tenant.begin()
    tenant.fill(version, {"a": "1"})

    class Lost(Exception):
        pass

    with pytest.raises(Lost), tenant.session() as session:
        from coco_server.store import chunks
        from tests.coco_server.tenants import rows

        chunks.append(session, version, *rows({"b": "2"}))
        raise Lost
    tenant.fill(version, {"c": "3"})
    ready = tenant.seal(version)
    assert (ready.chunk_count, ready.document_count) == (2, 2)
    with tenant.database.tenant(tenant.org_id) as session:
        assert orgs.totals(session).chunks == 2
