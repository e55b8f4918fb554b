"""Workers that are killed in merges and compactions lose no change and make none twice."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coco_core.types import FloatMatrix
from coco_server.jobs import queue
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.store import orgs, retention, segments, versions
from coco_server.store.blobs import BlobStore
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database
from coco_server.store.tables import in_version
from tests.embedding_server import EmbeddingServer, embedding_server, hashing
from tests.tenant import DIMENSION, Tenant
from tests.waiting import until
from tests.worker_process import WorkerProcess

MERGES = 12
KILLS = 4
NOTHING_KEPT = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    compute = hashing(DIMENSION)

    def embed(texts: Sequence[str]) -> FloatMatrix:
        # A model takes its time, or the merges are over before a worker is killed.
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
        "COCO_WORKER_LEASE_SECONDS": "4",
        "COCO_WORKER_SLOTS": "2",
        "COCO_WORKER_POLL_SECONDS": "1",
    }


def jobs_of(tenant: Tenant) -> list[Job]:
    with tenant.database.tenant(tenant.org_id) as session:
        return queue.list_of(session, tenant.project_id)


def test_workers_killed_in_merges_lose_nothing_and_repeat_nothing(
    database: Database, environ: dict[str, str], tmp_path: Path
) -> None:
    rng = random.Random(3)
    tenant = Tenant.create(database, BlobStore(environ["COCO_BLOB_URL"]))
    expected = {f"d{n}": f"first text of {n}" for n in range(40)}

    def ref(texts: dict[str, str]) -> str:
        return tenant.ndjson([{"doc_id": key, "content": text} for key, text in texts.items()])

    jobs = [tenant.enqueue(ref(expected), max_attempts=1000)]
    for number in range(MERGES):
        sent = {f"d{rng.randrange(60)}": f"merge {number} text {n}" for n in range(4)}
        deleted = [key for key in rng.sample(sorted(expected), 2) if key not in sent]
        jobs.append(tenant.merge(ref(sent), deletes=deleted, max_attempts=1000))
        expected = {k: v for k, v in expected.items() if k not in deleted} | sent
    log = tmp_path / "worker.log"
    workers = [WorkerProcess(log, environ) for _ in range(2)]
    killed = 0

    def open_jobs() -> int:
        return sum(job.state not in DONE_STATES for job in jobs_of(tenant))

    try:
        while killed < KILLS and open_jobs():
            # The next blow falls when two more jobs have ended and after some looks, wherever the
            # worker is then.
            looks, ended = iter(range(rng.randrange(1, 20))), 2 * killed

            def struck(looks: Iterator[int] = looks, ended: int = ended) -> bool:
                states = [job.state for job in jobs_of(tenant)]
                if not open_jobs():
                    return True
                far = states.count("succeeded") >= ended and "running" in states
                return far and next(looks, None) is None

            until(struck, 120)
            place = rng.randrange(len(workers))
            workers[place].kill()
            workers[place] = WorkerProcess(log, environ)
            killed += 1
        until(lambda: not open_jobs(), 300)
        assert killed >= 2, "the merges were over before a worker was killed"
    finally:
        statuses = [worker.stop() for worker in workers]
    assert statuses == [0, 0], log.read_text(encoding="utf-8")[-3000:]
    for job in jobs_of(tenant):
        assert job.state == "succeeded", (job.kind, job.error)
    active = tenant.active()
    assert active is not None
    assert {doc_id: text for doc_id, _, text in tenant.rows(active)} == expected
    assert active.document_count == active.chunk_count == active.embedded_count == len(expected)
    with database.tenant(tenant.org_id) as session:
        assert all(
            each.status != "BUILDING" for each in versions.list_of(session, tenant.project_id)
        )
        layout = segments.layout(session, active)
        twice = session.connection.execute(
            in_version(
                "SELECT chunk_key FROM {source_chunks} GROUP BY 1 HAVING count(*) > 1",
                active.parts,
            )
        ).fetchall()
    assert twice == []
    # What was left unfinished is removed, and the org holds what its one version has.
    retention.prune(database, NOTHING_KEPT)
    with database.tenant(tenant.org_id) as session:
        held = orgs.totals(session)
        left = session.connection.execute("SELECT count(*) FROM segments").fetchone()
    assert left == (len(layout.parts),)
    assert held.chunks == sum(each.chunk_count for each in layout.parts)
    assert held.storage_bytes == sum(each.storage_bytes for each in layout.parts)
