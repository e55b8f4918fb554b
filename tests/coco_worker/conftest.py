from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_server.store.usage import Quotas
from coco_worker.pipeline import IngestDeps
from coco_worker.worker import Worker
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.postgres_server import database, database_url
from tests.tenant import DIMENSION, Tenant
from tests.waiting import until

__all__ = ["database", "database_url"]

Start = Callable[..., Worker]


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(f"file://{tmp_path}/blobs")


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=DIMENSION) as server:
        yield server


@pytest.fixture
def deps(database: Database, blobs: BlobStore, embedding: EmbeddingServer) -> IngestDeps:
    settings = EmbeddingSettings(url=embedding.url, dimension=DIMENSION)
    return IngestDeps(database, blobs, Embedders(settings), lambda limits: Quotas(**limits))


@pytest.fixture
def tenant(database: Database, blobs: BlobStore) -> Tenant:
    return Tenant.create(database, blobs)


@pytest.fixture
def start(deps: IngestDeps) -> Iterator[Start]:
    """Start workers that end with the test."""
    workers: list[Worker] = []

    def begin(**options: object) -> Worker:
        worker = Worker(deps, **{"poll_seconds": 0.05, **options})  # type: ignore[arg-type]
        worker.start()
        # It has looked into the queue and waits: from here on it hears what a test says.
        until(lambda: worker._wake._cond._waiters)  # type: ignore[attr-defined]
        workers.append(worker)
        return worker

    yield begin
    for worker in workers:
        if not worker.draining:
            worker.stop(grace_seconds=5)
