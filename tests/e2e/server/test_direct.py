"""The API service hands jobs to workers over gRPC, and health says which of them can be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from coco_embed.resolver import Embedders
from coco_protocol.rpc.version import RpcVersion
from coco_server.dev.children import free_port
from coco_server.rpc.tls import RpcTls
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_server.store.usage import Quotas
from coco_worker.pipeline import IngestDeps
from coco_worker.rpc.server import RpcServer
from coco_worker.rpc.service import WorkerService
from coco_worker.worker import Worker
from tests.api_service import running, settings_for
from tests.coco_server.tenants import DIMENSION
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.trust import certificate
from tests.waiting import until
from tests.worker_process import WorkerProcess


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=DIMENSION) as server:
        yield server


@pytest.fixture
def newer(database: Database, tmp_path: Path) -> Iterator[RpcServer]:
    """A worker of the next major version."""
    own = RpcVersion(2, 0)
    tools = IngestDeps(
        database, BlobStore(f"file://{tmp_path}/none"), Embedders(), lambda limits: Quotas()
    )
    service = WorkerService(Worker(tools), database, tools.embedders, own=own)
    server = RpcServer(service, own=own)
    server.start()
    yield server
    server.stop(0)


def variables(tls: RpcTls) -> dict[str, str]:
    return {
        "COCO_WORKER_TLS_CA": str(tls.ca),
        "COCO_WORKER_TLS_CERT": str(tls.cert),
        "COCO_WORKER_TLS_KEY": str(tls.key),
    }


def workers(client: httpx.Client) -> list[tuple[str, str | None]]:
    found = client.get("/v1/sys/health").json()["data"]["workers"]
    return [(each["state"], each["version"]) for each in found]


def test_a_job_goes_over_mutual_tls_to_the_worker_that_can_take_it(
    database_url: str, embedding: EmbeddingServer, tmp_path: Path
) -> None:
    authority = trustme.CA()
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    port, closed = free_port(), free_port()
    shared = {
        "COCO_EMBED_URL": embedding.url,
        "COCO_EMBED_DIMENSION": str(DIMENSION),
        # Nobody notifies this worker: what runs soon was handed over.
        "COCO_QUEUE_MODE": "redis",
        "COCO_REDIS_URL": f"redis://127.0.0.1:{closed}/0",
    }
    worker = WorkerProcess(
        tmp_path / "worker.log",
        {
            **shared,
            "COCO_META_DB": database_url,
            "COCO_BLOB_URL": blobs.as_uri(),
            "COCO_WORKER_PORT": str(port),
            **variables(certificate(authority, tmp_path / "worker", "localhost")),
        },
    ).wait_started()
    settings = settings_for(
        database_url,
        blobs,
        **shared,
        COCO_WORKER_ADDR=f"localhost:{closed},localhost:{port}",
        **variables(certificate(authority, tmp_path / "api", "api.internal")),
    )
    try:
        with running(settings) as service:
            org = service.org("Acme").with_project()
            with service.client(org.headers) as client:
                assert workers(client) == [("missing", None), ("ok", "1.0")]
                items = [{"doc_id": f"d{n}.md", "content": f"topic {n}"} for n in range(20)]
                started = client.post("/v1/ingest/batch", json={"items": items})
                assert started.status_code == 202, started.text
                job_id = started.json()["data"]["job_id"]

                def ended() -> str | None:
                    job = client.get(f"/v1/jobs/{job_id}").json()["data"]
                    return job["state"] if job["finished_at"] else None

                assert until(ended) == "succeeded"
                assert '"outcome": "accepted"' in worker.said()
                hits = client.post("/v1/docs/query", json={"query": "topic 7"}).json()
                assert hits["data"]["results"][0]["chunk"]["doc_id"] == "d7.md"
    finally:
        assert worker.stop() == 0


def test_a_worker_of_another_major_version_shows_in_health_and_gets_nothing(
    database_url: str, newer: RpcServer, embedding: EmbeddingServer, tmp_path: Path
) -> None:
    settings = settings_for(
        database_url,
        tmp_path / "blobs",
        COCO_EMBED_URL=embedding.url,
        COCO_EMBED_DIMENSION=str(DIMENSION),
        COCO_WORKER_ADDR=f"localhost:{newer.port}",
    )
    with running(settings) as service:
        org = service.org("Acme").with_project()
        with service.client(org.headers) as client:
            assert workers(client) == [("mismatch", "2.0")]
            detail = client.get("/v1/sys/health").json()["data"]["workers"][0]["detail"]
            assert "version 2.0" in detail and "same release" in detail
            assert f":{newer.port}" not in detail
            started = client.post(
                "/v1/ingest/batch", json={"items": [{"doc_id": "a", "content": "x"}]}
            )
            assert started.status_code == 202
            job = client.get(f"/v1/jobs/{started.json()['data']['job_id']}").json()["data"]
            assert job["state"] == "queued"
