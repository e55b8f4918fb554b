"""Redis carries wake-ups: with it a job begins at once, without it a little later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_server.dev.redis import DevRedis, redis_program
from coco_server.jobs.notifier import RedisNotifier
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.tenant import DIMENSION, Tenant
from tests.waiting import until
from tests.worker_process import WorkerProcess

pytestmark = pytest.mark.skipif(redis_program() is None, reason="there is no redis-server here")


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=DIMENSION) as server:
        yield server


def test_losing_redis_costs_time_and_no_job(
    database: Database, database_url: str, embedding: EmbeddingServer, tmp_path: Path
) -> None:
    blobs = BlobStore(f"file://{tmp_path}/blobs")
    tenant = Tenant.create(database, blobs)
    items = [{"doc_id": f"d{number}", "content": f"topic {number}"} for number in range(5)]
    with DevRedis() as redis:
        environ = {
            "COCO_META_DB": database_url,
            "COCO_BLOB_URL": blobs.url,
            "COCO_EMBED_URL": embedding.url,
            "COCO_EMBED_DIMENSION": str(DIMENSION),
            "COCO_QUEUE_MODE": "redis",
            "COCO_REDIS_URL": redis.url,
            "COCO_REDIS_QUEUE": "jobs-of-a-test",
            # By looking alone it would find a job after ten minutes.
            "COCO_WORKER_POLL_SECONDS": "600",
        }
        worker = WorkerProcess(tmp_path / "worker.log", environ).wait_started()
        notifier = RedisNotifier(redis.url, "jobs-of-a-test")
        try:
            first = tenant.enqueue(tenant.ndjson(items))

            def rung() -> bool:
                # Until the worker has subscribed, nobody hears it.
                notifier.notify(first.job_id)
                return tenant.job(first.job_id).attempt > 0

            until(rung, 60)
            assert tenant.ended(first).state == "succeeded"
        finally:
            notifier.close()
    lost = tenant.enqueue(tenant.ndjson(items))
    until(lambda: "notifier_lost" in worker.said(), 60)
    assert worker.process.poll() is None
    assert worker.stop() == 0
    late = WorkerProcess(tmp_path / "late.log", {**environ, "COCO_WORKER_POLL_SECONDS": "1"})
    try:
        assert tenant.ended(lost).state == "succeeded"
    finally:
        assert late.stop() == 0
