from __future__ import annotations

import psycopg
import pytest

from coco_core.errors import LeaseLost, Unavailable
from coco_server.jobs import queue
from coco_server.jobs.records import Job
from coco_worker.pipeline import IngestDeps
from coco_worker.worker import Submitted
from tests.coco_worker.conftest import Start
from tests.coco_worker.items_made import documents
from tests.embedding_server import EmbeddingServer
from tests.tenant import Tenant
from tests.waiting import until


def test_a_server_that_is_away_is_tried_again_and_what_was_done_is_kept(
    tenant: Tenant, start: Start, embedding: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coco_embed.model_server._FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(queue, "_RETRY_SECONDS", 0.01)
    items = documents(1100)
    # Each batch is eight requests of 64; the second batch fails until its attempts are used up.
    embedding.refusals = []
    job = tenant.enqueue(tenant.ndjson(items))

    def fail_later() -> bool:
        if embedding.requests >= 8 and not embedding.refusals:
            embedding.refusals = [(503, {})] * 40
            return True
        return False

    start()
    until(fail_later)
    active = tenant.succeeded(job)
    done = tenant.job(job.job_id)
    assert done.attempt > 1
    assert active.document_count == 1100
    assert len({row[0] for row in tenant.rows(active)}) == 1100
    # What the first attempt committed was not embedded again.
    assert embedding.texts < 2 * active.chunk_count
    assert done.result is not None
    assert (done.result["parsed"], done.result["embedded"]) == (1100, active.chunk_count)


def test_a_running_job_is_cancelled_while_the_model_hangs(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    embedding.gate.clear()
    worker = start(lease_seconds=2)
    job = tenant.enqueue(tenant.ndjson(documents(100)))
    until(lambda: embedding.requests)
    with tenant.database.tenant(tenant.org_id) as session:
        queue.request_cancel(session, tenant.project_id, job.job_id)
    assert tenant.ended(job, 15).state == "cancelled"
    assert tenant.version(job.version_id).status == "FAILED"
    until(lambda: worker.running == 0)


def test_a_stopping_worker_gives_its_job_back(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    embedding.gate.clear()
    worker = start()
    job = tenant.enqueue(tenant.ndjson(documents(100)))
    until(lambda: embedding.requests)
    assert worker.stop(grace_seconds=10)
    given_back = tenant.job(job.job_id)
    assert (given_back.state, given_back.attempt) == ("queued", 0)
    embedding.gate.set()
    start()
    assert tenant.ended(job).state == "succeeded"


def test_a_worker_that_was_replaced_writes_nothing(
    tenant: Tenant, deps: IngestDeps, start: Start, embedding: EmbeddingServer
) -> None:
    embedding.gate.clear()
    slow = start(lease_seconds=60)
    job = tenant.enqueue(tenant.ndjson(documents(1200)))
    until(lambda: embedding.requests)
    with tenant.database.system() as session:
        session.connection.execute("UPDATE jobs SET lease_until = now() - interval '1 s'")
    start()
    until(lambda: tenant.job(job.job_id).attempt == 2)
    embedding.gate.set()
    active = tenant.succeeded(job)
    until(lambda: slow.running == 0)
    rows = tenant.rows(active, "doc_id, ordinal")
    assert len(rows) == len(set(rows)) == active.chunk_count
    assert len({row[0] for row in rows}) == 1200


def test_only_a_waiting_job_can_be_handed_over(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    embedding.gate.clear()
    # Nothing is found by looking: what runs was handed over.
    worker = start(poll_seconds=600)
    first = tenant.enqueue(tenant.ndjson(documents(3)))
    other = Tenant.create(tenant.database, tenant.blobs)
    second = other.enqueue(other.ndjson(documents(3)))
    assert worker.submit("job_none") is Submitted.NOT_WAITING
    assert worker.submit(first.job_id) is Submitted.ACCEPTED
    assert worker.submit(second.job_id) is Submitted.BUSY
    embedding.gate.set()
    assert tenant.ended(first).state == "succeeded"
    # A hand that gets free looks into the queue again.
    assert other.ended(second).state == "succeeded"
    until(lambda: worker.running == 0)
    assert worker.submit(first.job_id) is Submitted.NOT_WAITING


def test_leases_are_fenced(tenant: Tenant, deps: IngestDeps) -> None:
    job = tenant.enqueue(tenant.ndjson(documents(1)))
    with tenant.database.system() as session:
        held = queue.claim(session, "one", job_id=job.job_id)
    assert isinstance(held, Job)
    with tenant.database.tenant(tenant.org_id) as session:
        session.connection.execute("UPDATE jobs SET fence = fence + 1")
        with pytest.raises(LeaseLost):
            queue.progress(session, held, done=1, checkpoint={})


def test_a_worker_whose_connections_break_goes_on(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    embedding.gate.clear()
    start(lease_seconds=1)
    job = tenant.enqueue(tenant.ndjson(documents(100)))
    until(lambda: embedding.requests)
    with psycopg.connect(tenant.database.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    embedding.gate.set()

    def ended() -> bool:
        try:
            return tenant.job(job.job_id).state == "succeeded"
        except Unavailable:
            # The test's own connection was one of them.
            return False

    until(ended, 60)
    active = tenant.active()
    assert active is not None and active.document_count == 100
