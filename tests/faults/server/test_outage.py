"""PostgreSQL goes away and comes back, under a running service and a running worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from coco_server.dev.postgres import DevPostgres
from coco_server.store import keys
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import migrate
from coco_server.store.session import Database
from tests.api_service import api_processes
from tests.coco_server.tenants import new_tenant
from tests.embedding_server import embedding_server
from tests.tenant import DIMENSION, Tenant
from tests.waiting import until
from tests.worker_process import WorkerProcess


@pytest.fixture
def server() -> Iterator[DevPostgres]:
    # Not pytest's folder: as root's it could not be entered by the user that PostgreSQL runs as.
    with (
        tempfile.TemporaryDirectory() as folder,
        DevPostgres(Path(folder), durable=True) as found,
    ):
        migrate(found.url())
        yield found


def restart(server: DevPostgres) -> None:
    server.stop(kill=True)
    server.start()


def test_queries_after_a_restart_and_after_an_outage(server: DevPostgres, tmp_path: Path) -> None:
    with Database(server.url()) as database:
        tenant = new_tenant(database)
        tenant.activate(tenant.build({"a": "some text"}))
        with database.system() as session:
            key = keys.create(session, tenant.org_id, "test", ("query",))
    headers = {
        "authorization": f"Bearer {key.text}",
        "x-coco-org-id": tenant.org_id,
        "x-coco-user-id": "user",
        "x-coco-project-id": tenant.project_id,
    }
    with (
        api_processes(server.url(), tmp_path, 1) as [api],
        httpx.Client(base_url=api.url, headers=headers, timeout=60, trust_env=False) as client,
    ):

        def ask(_: object = None) -> httpx.Response:
            # The vectors of the tests are of no model that the service has.
            body = {"query": "some text", "retrieval_config": {"retrieval_mode": "fts"}}
            return client.post("/v1/docs/query", json=body)

        with ThreadPoolExecutor(8) as threads:
            assert {each.status_code for each in threads.map(ask, range(40))} == {200}
            # Every connection that those left in the pools is dead now.
            restart(server)
            assert {each.status_code for each in threads.map(ask, range(40))} == {200}
        server.stop(kill=True)
        # Long enough that doubling pauses would have grown to many seconds.
        for _ in range(8):
            refused = ask()
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "unavailable"
            assert str(server.port) not in refused.text
        server.start()
        until(lambda: ask().is_success, 10)


def test_a_worker_goes_on_after_a_restart(server: DevPostgres, tmp_path: Path) -> None:
    blobs = BlobStore(f"file://{tmp_path}/blobs")
    items = [{"doc_id": f"d{number}", "content": f"topic {number}"} for number in range(5)]
    with Database(server.url()) as database, embedding_server(dimension=DIMENSION) as embedding:
        tenant = Tenant.create(database, blobs)
        environ = {
            "COCO_META_DB": server.url(),
            "COCO_BLOB_URL": blobs.url,
            "COCO_EMBED_URL": embedding.url,
            "COCO_EMBED_DIMENSION": str(DIMENSION),
            # Only a notification makes it look, so its connection for these is made anew, too.
            "COCO_WORKER_POLL_SECONDS": "600",
        }
        worker = WorkerProcess(tmp_path / "worker.log", environ).wait_started()
        try:
            assert tenant.ended(tenant.enqueue(tenant.ndjson(items))).state == "succeeded"
            restart(server)
            until(lambda: "notifier_lost" in worker.said())
            job = tenant.enqueue(tenant.ndjson(items))

            def claimed() -> bool:
                # Until the worker listens again, it is lost.
                with database.system() as session:
                    session.connection.execute("SELECT pg_notify('coco_jobs', %s)", (job.job_id,))
                return tenant.job(job.job_id).attempt > 0

            until(claimed, 60)
            assert tenant.ended(job).state == "succeeded"
        finally:
            assert worker.stop() == 0
