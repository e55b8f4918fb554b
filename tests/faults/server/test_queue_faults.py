"""Workers and databases that die: no job is lost, nothing is applied twice, the old answers."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from coco_core.errors import LeaseLost
from coco_server.dev.postgres import DevPostgres
from coco_server.jobs import queue
from coco_server.jobs.records import Job
from coco_server.store import chunks, sealing, versions
from coco_server.store.migrate import migrate
from coco_server.store.session import Database
from tests.coco_server.tenants import Tenant, new_tenant, rows
from tests.queue_parts import database, look, put, take, taken, tenant
from tests.threads import at_once
from tests.waiting import until

__all__ = ["database", "tenant"]

SHORT = 0.3


def take_over(database: Database, worker: str) -> Job:
    """Claim until the lease of the one before has run out."""
    return until(lambda: take(database, worker), 30)


def write(tenant: Tenant, held: Job, version: versions.Version, name: str, done: int) -> None:
    with tenant.database.tenant(tenant.org_id) as session:
        chunks.append(session, version, *rows({name: f"text of {name}"}), items=1)
        queue.progress(session, held, done=done, checkpoint={"items": done})


def test_the_job_of_a_dead_worker_goes_on_where_it_stopped(tenant: Tenant) -> None:
    version = tenant.begin()
    put(tenant, version_id=version.version_id)
    first = taken(tenant, "dies", lease_seconds=SHORT)
    write(tenant, first, version, "a", 1)
    second = take_over(tenant.database, "lives")
    assert (second.fence, second.attempt, second.checkpoint) == (2, 2, {"items": 1})
    write(tenant, second, version, "b", 2)
    assert tenant.seal(version).chunk_count == 2


def test_a_worker_that_was_replaced_writes_nothing_more(tenant: Tenant) -> None:
    version = tenant.begin()
    put(tenant, version_id=version.version_id)
    zombie = taken(tenant, "zombie", lease_seconds=SHORT)
    heir = take_over(tenant.database, "heir")
    with tenant.database.system() as session:
        assert queue.heartbeat(session, "zombie", queue.fences([zombie])) == {}
    for attempt in (
        lambda: write(tenant, zombie, version, "ghost", 1),
        lambda: _finish(tenant, zombie, version),
    ):
        with pytest.raises(LeaseLost):
            attempt()
    write(tenant, heir, version, "real", 1)
    _finish(tenant, heir, version)
    ready = tenant.version(version)
    assert (ready.status, ready.chunk_count, ready.item_count) == ("ACTIVE", 1, 1)


def _finish(tenant: Tenant, held: Job, version: versions.Version) -> None:
    with tenant.database.tenant(tenant.org_id) as session:
        ready = sealing.seal(session, version)
        versions.activate(session, tenant.project_id, ready.version_id)
        queue.finish(session, held, {})


def test_a_worker_that_is_replaced_in_the_middle_of_a_batch_writes_nothing(
    tenant: Tenant,
) -> None:
    version = tenant.begin()
    put(tenant, version_id=version.version_id)
    slow = taken(tenant, "slow", lease_seconds=SHORT)
    with pytest.raises(LeaseLost), tenant.session() as session:
        chunks.append(session, version, *rows({"late": "a batch under way"}), items=1)
        heir = take_over(tenant.database, "heir")
        queue.progress(session, slow, done=1, checkpoint={"items": 1})
    write(tenant, heir, version, "late", 1)
    assert tenant.seal(version).chunk_count == 1


def test_a_job_that_kills_every_worker_ends(tenant: Tenant) -> None:
    version = tenant.begin()
    job = put(tenant, version_id=version.version_id, max_attempts=2)
    assert take(tenant.database, "first", lease_seconds=0.01) is not None
    assert take_over(tenant.database, "second").attempt == 2
    with tenant.database.system() as session:
        session.connection.execute("UPDATE jobs SET lease_until = now() - interval '1 second'")
    assert take(tenant.database, "third") is None
    ended = look(tenant, job)
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error["code"] == "lease_lost"
    assert tenant.version(version).status == "FAILED"
    tenant.begin()  # the project is not blocked


def test_with_workers_dying_at_random_every_job_is_applied_once(database: Database) -> None:
    """Each job writes its own note; some workers are only slow, and come too late with theirs."""
    tenants = [new_tenant(database, name) for name in ("a", "b", "c")]
    jobs = [put(tenant, max_attempts=50) for tenant in tenants for _ in range(10)]
    chance = random.Random(3)
    late: list[str] = []
    lock = threading.Lock()

    def dies() -> bool:
        with lock:
            return chance.random() < 0.3

    def work(name: str) -> None:
        idle = 0
        while idle < 40:
            held = take(database, name, lease_seconds=SHORT, most_per_org=4)
            if held is None:
                idle += 1
                time.sleep(0.02)
                continue
            idle = 0
            if dies():
                continue  # before it did anything
            if dies():
                time.sleep(SHORT * 1.5)
            try:
                apply_once(database, held)
            except LeaseLost:
                late.append(held.job_id)

    at_once(*(partial(work, f"w{n}") for n in range(4)))
    with database.system() as session:
        states = session.connection.execute("SELECT DISTINCT state FROM jobs").fetchall()
    assert applied(database) == sorted(job.job_id for job in jobs)
    assert states == [("succeeded",)]
    assert late, "no worker came too late, so nothing was fenced off"


def test_a_job_that_ends_while_another_worker_claims_it_is_not_retaken(database: Database) -> None:
    """Leases so short that claims and ends meet all the time."""
    tenants = [new_tenant(database, name) for name in ("a", "b", "c")]
    jobs = [put(tenant, max_attempts=10_000) for tenant in tenants for _ in range(60)]

    def work(number: int) -> None:
        chance = random.Random(number)
        while database_holds_work(database):
            held = take(database, f"w{number}", lease_seconds=0.004, most_per_org=4)
            if held is None:
                continue
            time.sleep(0.006 * chance.random())
            try:
                apply_once(database, held)
            except LeaseLost:
                continue

    at_once(*(partial(work, number) for number in range(6)))
    assert applied(database) == sorted(job.job_id for job in jobs)


def database_holds_work(database: Database) -> bool:
    with database.system() as session:
        return any(queue.waiting(session).values())


def apply_once(database: Database, held: Job) -> None:
    """Write the job's note and end it, in one transaction."""
    with database.tenant(held.org_id) as session:
        session.connection.execute(
            "INSERT INTO memos (memo_id, org_id, project_id, user_id, content) "
            "VALUES (%s, %s, %s, 'u', %s)",
            (f"{held.job_id}/{held.fence}", held.org_id, held.project_id, held.job_id),
        )
        queue.finish(session, held, {})


def applied(database: Database) -> list[str]:
    with database.system() as session:
        found = session.connection.execute("SELECT content FROM memos").fetchall()
    return sorted(name for (name,) in found)


KILLED = """
    import sys
    from coco_server.jobs import queue
    from coco_server.store import chunks, versions
    from coco_server.store.session import Database
    from tests.coco_server.tenants import rows

    url, org, project, version = sys.argv[1:]
    with Database(url, most=2) as database:
        with database.system() as session:
            held = queue.claim(session, "killed", lease_seconds=0.3)
        with database.tenant(org) as session:
            building = versions.get(session, project, version)
        for number in range(1_000_000):
            with database.tenant(org) as session:
                texts = {f"{number}-{i}": "words of a chunk" for i in range(20)}
                chunks.append(session, building, *rows(texts), items=1)
                queue.progress(session, held, done=number + 1, checkpoint={"items": number + 1})
            print(number, flush=True)
"""


def test_a_worker_killed_while_it_writes_leaves_whole_batches(tenant: Tenant) -> None:
    version = tenant.begin()
    put(tenant, version_id=version.version_id)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), tenant.database.url]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [*command, tenant.org_id, tenant.project_id, version.version_id],
        stdout=subprocess.PIPE,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline()
        process.kill()
    held = take_over(tenant.database, "heir")
    done = held.checkpoint["items"]
    assert done >= 3
    ready = tenant.seal(version)
    assert (ready.item_count, ready.chunk_count, ready.document_count) == (
        done,
        20 * done,
        20 * done,
    )


def test_versions_are_sealed_while_the_database_gathers_statistics(tenant: Tenant) -> None:
    # As autovacuum does when it likes to: it holds a table's lock and waits for the row of the
    # table in the catalog, so who changes that row first and wants the lock then, waits for ever.
    sealed = threading.Event()
    gathered = 0

    def gather() -> None:
        nonlocal gathered
        with psycopg.connect(tenant.database.url, autocommit=True) as connection:
            while not sealed.is_set():
                for (name,) in connection.execute(
                    "SELECT relname FROM pg_class WHERE relname LIKE 'source_chunks_%' "
                    "AND relkind = 'r'"
                ).fetchall():
                    connection.execute(SQL("ANALYZE {}").format(Identifier(name)))
                    gathered += 1

    thread = threading.Thread(target=gather)
    thread.start()
    try:
        for _ in range(30):
            assert tenant.build({"a": "text"}).status == "READY"
    finally:
        sealed.set()
        thread.join()
    assert gathered


def test_a_database_killed_while_versions_are_switched_keeps_one_active() -> None:
    # Not pytest's folder: as root's it could not be entered by the user that PostgreSQL runs as.
    with (
        tempfile.TemporaryDirectory() as folder,
        DevPostgres(Path(folder), durable=True) as server,
    ):
        migrate(server.url())
        stopped = threading.Event()
        with Database(server.url(), most=4) as database:
            tenant = new_tenant(database)
            built = [tenant.build({"a": f"text {n}"}) for n in range(2)]
            tenant.activate(built[0])
            switched = threading.Semaphore(0)

            def switch() -> None:
                number = 0
                while not stopped.is_set():
                    number += 1
                    try:
                        tenant.activate(built[number % 2])
                    except Exception as error:  # noqa: BLE001 - however it shows
                        lost.append(error)
                        return
                    switched.release()

            lost: list[Exception] = []
            thread = threading.Thread(target=switch)
            thread.start()
            for _ in range(10):
                assert switched.acquire(timeout=30)
            server.stop(kill=True)
            thread.join()
        assert lost, "the switching did not notice the crash"
        server.start()
        with Database(server.url(), most=4) as database:
            again = Tenant(database, tenant.org_id, tenant.project_id)
            statuses = sorted(again.version(each).status for each in built)
            assert statuses == ["ACTIVE", "ARCHIVED"]
            (active,) = [each for each in built if again.version(each).status == "ACTIVE"]
            assert again.active() == active.version_id
