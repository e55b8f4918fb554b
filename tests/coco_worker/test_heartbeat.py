from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from coco_server.jobs import queue
from coco_server.store.session import Database
from coco_worker.heartbeat import Heartbeat
from coco_worker.leased_job import InterruptReason, JobInterrupted, LeasedJob
from tests.tenant import Tenant
from tests.waiting import until


@pytest.fixture
def lease() -> float:
    return 1.0


@pytest.fixture
def held(tenant: Tenant, lease: float) -> LeasedJob:
    job = tenant.enqueue(tenant.ndjson([{"doc_id": "a", "content": "x"}]))
    with tenant.database.system() as session:
        taken = queue.claim(session, "worker", lease_seconds=lease, job_id=job.job_id)
    assert taken is not None
    return LeasedJob(taken)


@pytest.fixture
def heartbeat(database_url: str, held: LeasedJob, lease: float) -> Iterator[Heartbeat]:
    beating = Heartbeat(database_url, "worker", lambda: [held], lease_seconds=lease)
    beating.start()
    yield beating
    beating.stop()


def left(database: Database, held: LeasedJob) -> float:
    """Return the seconds that are left of the lease, by the database's clock."""
    with database.system() as session:
        row = session.connection.execute(
            "SELECT extract(epoch FROM lease_until - now()) FROM jobs WHERE job_id = %s",
            (held.job.job_id,),
        ).fetchone()
    assert row is not None
    return float(row[0])


# Long enough for a machine that is busy with something else, too.
@pytest.mark.parametrize("lease", [4.0])
@pytest.mark.usefixtures("heartbeat")
def test_busy_threads_and_a_drained_pool_do_not_stop_it(tenant: Tenant, held: LeasedJob) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            sum(number * number for number in range(1000))

    threads = [threading.Thread(target=work) for _ in range(4)]
    with Database(tenant.database.url, most=1) as drained, drained.system():
        for thread in threads:
            thread.start()
        try:
            renewals, before = 0, 0.0
            while renewals < 4:
                now = left(tenant.database, held)
                assert now > 0
                renewals += now > before
                before = now
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert held.reason is None


def test_a_cancellation_is_passed_on(tenant: Tenant, held: LeasedJob, heartbeat: Heartbeat) -> None:
    heard = threading.Event()
    held.on_interrupt(heard.set)
    with tenant.database.tenant(tenant.org_id) as session:
        queue.request_cancel(session, tenant.project_id, held.job.job_id)
    heartbeat.soon()
    assert heard.wait(10)
    with pytest.raises(JobInterrupted) as caught:
        held.check()
    assert caught.value.reason is InterruptReason.CANCELLED


@pytest.mark.usefixtures("heartbeat")
def test_a_job_that_another_worker_has_is_let_go(tenant: Tenant, held: LeasedJob) -> None:
    with tenant.database.system() as session:
        session.connection.execute(
            "UPDATE jobs SET fence = fence + 1, lease_owner = 'other' WHERE job_id = %s",
            (held.job.job_id,),
        )
    until(lambda: held.reason is InterruptReason.LOST, 10)
    # It stays so, whatever is asked for later.
    held.interrupt(InterruptReason.STOPPING)
    assert held.reason is InterruptReason.LOST


def test_whoever_listens_late_hears_it_all_the_same(held: LeasedJob) -> None:
    held.interrupt(InterruptReason.STOPPING)
    heard = threading.Event()
    held.on_interrupt(heard.set)
    assert heard.is_set()


@pytest.mark.usefixtures("heartbeat")
def test_it_goes_on_when_its_connection_breaks(tenant: Tenant, held: LeasedJob) -> None:
    for _ in range(3):
        with psycopg.connect(tenant.database.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'coco-heartbeat' AND datname = current_database()"
            )
        before = left(tenant.database, held)
        until(lambda before=before: left(tenant.database, held) > before, 10)  # type: ignore[misc]
    assert held.reason is None
