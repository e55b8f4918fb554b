"""Workers that are killed and paused at random moments lose no job and do nothing twice."""

from __future__ import annotations

import hashlib
import io
import json
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from coco_core.types import FloatMatrix
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_worker.chunked_item import chunk_item, embedding_texts
from coco_worker.items.item import Item, ItemLimits
from coco_worker.items.read import read_items
from tests.embedding_server import EmbeddingServer, embedding_server, hashing
from tests.tenant import DIMENSION, Tenant
from tests.waiting import until
from tests.worker_process import WorkerProcess

ITEMS = 450
TENANTS = 3


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    compute = hashing(DIMENSION)

    def embed(texts: Sequence[str]) -> FloatMatrix:
        # A model takes its time, or the imports are over before anybody is killed.
        time.sleep(0.02)
        return compute(texts)

    with embedding_server(dimension=DIMENSION, embed=embed) as server:
        yield server


@pytest.fixture
def environ(database_url: str, embedding: EmbeddingServer, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "blobs").mkdir()
    return {
        "COCO_META_DB": database_url,
        "COCO_BLOB_URL": f"file://{tmp_path}/blobs",
        "COCO_EMBED_URL": embedding.url,
        "COCO_EMBED_DIMENSION": str(DIMENSION),
        "COCO_EMBED_BATCH": "16",
        "COCO_EMBED_PARALLEL": "2",
        "COCO_WORKER_LEASE_SECONDS": "2",
        "COCO_WORKER_SLOTS": "2",
    }


def documents(rng: random.Random, count: int = ITEMS) -> list[dict[str, Any]]:
    """Return documents of several chunks, and some items that are rejected."""
    found: list[dict[str, Any]] = []
    for number in range(count):
        sections = [
            f"# Part {part}\n\n{' '.join(f'word{rng.randrange(5000)}' for _ in range(40))}\n"
            for part in range(rng.randrange(1, 4))
        ]
        found.append({"doc_id": f"d{number}.md", "content": "\n".join(sections)})
        if rng.random() < 0.02:
            found.append({"doc_id": f"broken{number}"})
    return found


def expected(tenant: Tenant, items: list[dict[str, Any]], url: str) -> tuple[int, str]:
    """Return count and checksum of the rows that an undisturbed import writes."""
    embedders = Embedders(EmbeddingSettings(url=url, dimension=DIMENSION))
    embedder = embedders.open(tenant.config.embedding)
    body = io.BytesIO("".join(json.dumps(item) + "\n" for item in items).encode())
    outcomes = read_items(body, "ndjson", ItemLimits(dimension=DIMENSION))  # type: ignore[arg-type]
    chunks = [
        chunk
        for outcome in outcomes
        if isinstance(outcome, Item)
        for chunk in chunk_item(outcome, tenant.config.chunking, None).chunks
    ]
    vectors = embedder.embed_documents(embedding_texts(chunks))
    embedder.close()
    rows = []
    for key, (chunk, vector) in enumerate(zip(chunks, vectors, strict=True)):
        signs = "".join("+" if number > 0 else "-" for number in vector)
        rows.append(f"{key} {chunk.doc_id} {chunk.ordinal} {chunk.chunk.text} {signs}")
    return len(rows), checksum(rows)


def stored(tenant: Tenant, job: Job) -> tuple[int, str]:
    """Return count and checksum of the rows that a version has."""
    version = tenant.version(job.version_id)
    with tenant.database.tenant(tenant.org_id) as session:
        found = session.connection.execute(
            "SELECT chunk_key, doc_id, ordinal, content, embedding "
            f"FROM source_chunks_{version.version_no} "
            f"LEFT JOIN chunk_vectors_{version.version_no} USING (chunk_key) ORDER BY chunk_key"
        ).fetchall()
    rows = []
    for key, doc_id, ordinal, content, vector in found:
        signs = "".join("+" if number > 0 else "-" for number in vector.to_list())
        rows.append(f"{key} {doc_id} {ordinal} {content} {signs}")
    return len(rows), checksum(rows)


def checksum(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


@pytest.mark.parametrize("seed", [1])
def test_killed_and_paused_workers_lose_nothing_and_repeat_nothing(
    seed: int,
    database: Database,
    environ: dict[str, str],
    embedding: EmbeddingServer,
    tmp_path: Path,
) -> None:
    rng = random.Random(seed)
    blobs = BlobStore(environ["COCO_BLOB_URL"])
    tenants = [Tenant.create(database, blobs) for _ in range(TENANTS)]
    imports = [documents(rng) for _ in tenants]
    jobs = [
        tenant.enqueue(tenant.ndjson(items), max_attempts=1000)
        for tenant, items in zip(tenants, imports, strict=True)
    ]
    log = tmp_path / "worker.log"
    workers = [WorkerProcess(log, environ) for _ in range(2)]
    kills = pauses = 0

    def open_jobs() -> int:
        found = [tenant.job(job.job_id) for tenant, job in zip(tenants, jobs, strict=True)]
        return sum(job.state not in DONE_STATES for job in found)

    try:
        while kills + pauses < 5 and open_jobs():
            # The next blow falls after some more requests, wherever the worker is then.
            aim = embedding.requests + rng.randrange(1, 40)
            until(lambda aim=aim: embedding.requests >= aim or not open_jobs(), 60)  # type: ignore[misc]
            place = rng.randrange(len(workers))
            if rng.random() < 0.3 and pauses < 2:
                pauses += 1
                pause(workers[place], database)
            else:
                kills += 1
                workers[place].kill()
                workers[place] = WorkerProcess(log, environ)
        until(lambda: not open_jobs(), 120)
        assert kills + pauses >= 3, "the imports were over before anybody was killed"
    finally:
        statuses = [worker.stop() for worker in workers]
    assert statuses == [0, 0], log.read_text(encoding="utf-8")[-3000:]
    for tenant, job, items in zip(tenants, jobs, imports, strict=True):
        done = tenant.job(job.job_id)
        assert done.state == "succeeded", done.error
        assert done.result is not None
        assert stored(tenant, job) == expected(tenant, items, embedding.url)
        assert done.result["rejected"] == len(items) - ITEMS
        version = tenant.version(job.version_id)
        assert (version.status, version.document_count) == ("ACTIVE", ITEMS)


def pause(worker: WorkerProcess, database: Database) -> None:
    """Stop a worker until its leases are over, and let it go on as if nothing had been."""
    worker.process.send_signal(signal.SIGSTOP)

    try:
        with database.system() as session:
            # The database's clock is the one that leases go by.
            session.connection.execute("SELECT pg_sleep(2.5)")
    finally:
        worker.process.send_signal(signal.SIGCONT)


def test_a_worker_that_is_told_to_stop_gives_back_and_ends(
    database: Database, environ: dict[str, str], embedding: EmbeddingServer, tmp_path: Path
) -> None:
    tenant = Tenant.create(database, BlobStore(environ["COCO_BLOB_URL"]))
    embedding.gate.clear()
    job = tenant.enqueue(tenant.ndjson(documents(random.Random(7), 30)))
    worker = WorkerProcess(tmp_path / "worker.log", environ)
    until(lambda: embedding.requests, 60)
    assert worker.stop() == 0
    given_back = tenant.job(job.job_id)
    assert (given_back.state, given_back.attempt) == ("queued", 0)
    embedding.gate.set()
    other = WorkerProcess(tmp_path / "other.log", environ)
    assert tenant.ended(job).state == "succeeded"
    assert other.stop() == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"COCO_META_DB": "sqlite:///x.db"}, "sqlite"),
        ({"COCO_WORKER_HOST": "0.0.0.0"}, "without encryption"),
    ],
)
def test_a_worker_that_cannot_work_says_why(
    environ: dict[str, str], changed: dict[str, str], said: str, tmp_path: Path
) -> None:
    worker = WorkerProcess(tmp_path / "worker.log", {**environ, **changed})
    assert worker.process.wait(60) == 1
    assert said in worker.said()
    assert "Traceback" not in worker.said()
