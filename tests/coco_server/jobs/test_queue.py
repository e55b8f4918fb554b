"""The queue: claims, fairness, leases, cancellation; faults stand in tests/faults/server."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from coco_core.errors import JobNotFound, LeaseLost
from coco_server.jobs import events, queue
from coco_server.jobs.notifier import EventListener, PostgresNotifier
from coco_server.jobs.records import Job
from coco_server.store.session import Database
from tests.coco_server.tenants import Tenant, new_tenant
from tests.queue_parts import database, look, put, take, taken, tenant

__all__ = ["database", "tenant"]


def cancel(tenant: Tenant, job_id: str) -> Job:
    with tenant.session() as session:
        return queue.request_cancel(session, tenant.project_id, job_id)


def test_a_job_goes_through_its_states(tenant: Tenant) -> None:
    job = put(tenant)
    held = taken(tenant)
    assert (held.job_id, held.state, held.attempt, held.fence) == (job.job_id, "running", 1, 1)
    assert take(tenant.database) is None
    with tenant.database.tenant(tenant.org_id) as session:
        queue.progress(session, held, done=5, checkpoint={"items": 5}, event={"done": 5})
    with tenant.database.tenant(tenant.org_id) as session:
        queue.finish(session, held, {"chunks": 7})
    done = look(tenant, job)
    assert (done.state, done.done, done.result) == ("succeeded", 5, {"chunks": 7})
    assert done.lease_owner is None
    with tenant.database.tenant(tenant.org_id) as session:
        found = events.read(session, job.job_id)
        assert [each.kind for each in found] == ["queued", "running", "progress", "succeeded"]
        assert [each.seq for each in found] == [1, 2, 3, 4]
        assert [each.seq for each in events.read(session, job.job_id, after=3)] == [4]


def test_enqueueing_again_with_the_same_key_is_the_same_job(tenant: Tenant) -> None:
    first = put(tenant, key="k")
    assert put(tenant, key="k").job_id == first.job_id
    assert put(tenant).job_id != first.job_id
    assert put(new_tenant(tenant.database), key="k").job_id != first.job_id


def test_higher_priority_comes_first_then_age(tenant: Tenant) -> None:
    old, urgent, young = put(tenant), put(tenant, priority=5), put(tenant)
    claimed = [take(tenant.database, most_per_org=9) for _ in range(3)]
    assert [each.job_id for each in claimed if each] == [urgent.job_id, old.job_id, young.job_id]


def test_many_jobs_of_one_org_do_not_keep_another_waiting(database: Database) -> None:
    large, small = new_tenant(database, "Large"), new_tenant(database, "Small")
    for _ in range(20):
        put(large)
    put(small)
    claimed = [take(database, f"w{n}") for n in range(2)]
    assert {each.org_id for each in claimed if each} == {large.org_id, small.org_id}


def test_the_share_of_an_org_holds_under_racing_claims(database: Database) -> None:
    tenant = new_tenant(database)
    for _ in range(12):
        put(tenant)
    barrier = threading.Barrier(8)

    def race(number: int) -> Job | None:
        barrier.wait()
        return take(database, f"w{number}", most_per_org=3)

    with ThreadPoolExecutor(8) as pool:
        taken = [job.job_id for job in pool.map(race, range(8)) if job is not None]
    assert len(taken) == len(set(taken)) == 3


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_told(tenant: Tenant) -> None:
    version = tenant.begin()
    waiting = put(tenant, version_id=version.version_id)
    assert cancel(tenant, waiting.job_id).state == "cancelled"
    assert tenant.version(version).status == "FAILED"
    running = put(tenant)
    held = taken(tenant)
    told = cancel(tenant, running.job_id)
    assert (told.state, told.cancel_requested) == ("running", True)
    with tenant.database.system() as session:
        assert queue.heartbeat(session, "w", queue.fences([held])) == {running.job_id: True}
    with tenant.database.tenant(tenant.org_id) as session:
        queue.cancelled(session, held)
    assert look(tenant, running).state == "cancelled"
    assert cancel(tenant, running.job_id).state == "cancelled"
    with pytest.raises(JobNotFound):
        cancel(tenant, "job_none")


def test_a_failure_is_tried_again_later_and_not_for_ever(tenant: Tenant) -> None:
    version = tenant.begin()
    job = put(tenant, max_attempts=2, version_id=version.version_id)
    held = taken(tenant)
    with tenant.database.tenant(tenant.org_id) as session:
        assert queue.fail(session, held, {"code": "unavailable"}, retry=True)
    assert look(tenant, job).state == "queued"
    assert take(tenant.database) is None  # not before its time
    with tenant.database.system() as session:
        session.connection.execute("UPDATE jobs SET run_after = now()")
    held = taken(tenant)
    assert held.attempt == 2
    with tenant.database.tenant(tenant.org_id) as session:
        assert not queue.fail(session, held, {"code": "unavailable"}, retry=True)
    assert look(tenant, job).state == "failed"
    assert tenant.version(version).failure == {"code": "unavailable"}


def test_a_job_that_is_given_back_costs_no_attempt(tenant: Tenant) -> None:
    job = put(tenant)
    held = taken(tenant)
    with tenant.database.tenant(tenant.org_id) as session:
        queue.release(session, held)
    assert (look(tenant, job).state, look(tenant, job).attempt) == ("queued", 0)
    again = take(tenant.database, "other")
    assert again is not None
    with pytest.raises(LeaseLost), tenant.session() as session:
        queue.finish(session, held, {})


def test_workers_are_notified_when_the_enqueueing_commits(tenant: Tenant) -> None:
    notifier = PostgresNotifier(tenant.database.url)
    try:
        assert not notifier.wait(0.01)  # listens from now on
        with tenant.database.tenant(tenant.org_id) as session:
            queue.enqueue(session, project_id=tenant.project_id, kind="import", payload={})
            assert not notifier.wait(0.05)
        assert notifier.wait(10)
    finally:
        notifier.close()


def test_followers_are_woken_by_events_of_their_job(tenant: Tenant) -> None:
    listener = EventListener(tenant.database.url)
    mine, other = put(tenant), put(tenant)
    woken, not_woken = threading.Semaphore(0), threading.Event()
    leave = listener.subscribe(mine.job_id, woken.release)
    listener.start()
    assert woken.acquire(timeout=10)  # everybody looks once it listens
    listener.subscribe(other.job_id, not_woken.set)
    with tenant.database.tenant(tenant.org_id) as session:
        events.append(session, mine.job_id, "progress", {"done": 1})
    assert woken.acquire(timeout=10)
    assert not not_woken.is_set()
    leave()
    listener.close()
