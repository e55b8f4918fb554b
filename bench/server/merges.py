"""What does a merge of ten changed documents cost, compared with an import of all?

One project of many chunks. A worker in a process of its own merges ten documents, again and again,
while queries are asked at a steady pace. Shown are the time from the request until the change is
found, the bytes that were sent and stored in relation to the full import, the latency of queries
without and with merges (in turns, so that what else the machine does falls on both alike), and the
latency and recall@10 of versions of one, four and eight segments, asked in turns, too.

Goals: searchable within 2 s, at most 1 % of the bytes, p95 while merging at most 1.2 times idle.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench.server.corpus import Corpus, Question, corpus, questions
from bench.server.imports import ask
from bench.server.lab import (
    Tenant,
    arguments,
    laboratory,
    load,
    new_project,
    percentile,
    report,
    timed,
)
from bench.server.queries import GivenVectors
from coco_core.configs import DEFAULT_CONFIG
from coco_core.intent import SearchIntent
from coco_core.plan import IndexingPlan
from coco_core.query import parse_query
from coco_core.search.request import SearchRequest
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_protocol.server.docs import QueryRequest
from coco_server.jobs import queue
from coco_server.jobs.payload import IngestPayload
from coco_server.jobs.records import DONE_STATES
from coco_server.search.pg import PgExecutor
from coco_server.search.service import SearchService
from coco_server.store import segments, versions
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database, Scope
from coco_server.store.usage import Quotas
from coco_server.store.versions import Version
from coco_worker.pipeline import IngestDeps
from coco_worker.worker import Worker

DOCUMENTS = 10
CHUNKS = 3
MERGES = 8


def items(of: Corpus, number: int) -> list[dict[str, object]]:
    """Ten documents of the corpus with other texts, each of a few chunks, and their vectors."""
    doc_ids = list(dict.fromkeys(text.doc_id for text in of.texts))
    chosen = doc_ids[number * DOCUMENTS : (number + 1) * DOCUMENTS]
    return [
        {
            "doc_id": doc_id,
            "ordinal": ordinal,
            "content": f"merged{number}word {of.texts[place + ordinal].content}",
            "vector": of.vectors[place + ordinal].tolist(),
        }
        for place, doc_id in enumerate(chosen, number * 100)
        for ordinal in range(CHUNKS)
    ]


def body(rows: Sequence[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def full_bytes(of: Corpus) -> int:
    """Bytes of an import of all chunks in the same form."""
    return sum(
        len(json.dumps({"doc_id": t.doc_id, "ordinal": t.ordinal, "content": t.content}).encode())
        + len(json.dumps(vector.tolist()))
        + 14
        for t, vector in zip(of.texts, of.vectors, strict=True)
    )


def stored_bytes(database: Database, org_id: str, number: int) -> int:
    """Bytes of a segment's tables, indexes included."""
    with database.tenant(org_id) as session:
        row = session.connection.execute(
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
            "WHERE relname = ANY(%s)",
            (
                [
                    f"{name}_{number}"
                    for name in ("source_chunks", "chunk_vectors", "postings", "chunk_names")
                ],
            ),
        ).fetchone()
    assert row is not None
    return int(row[0])


def merge(database: Database, blobs: BlobStore, tenant: Tenant, data: bytes) -> float:
    """Send a merge and wait until it is active; returns seconds."""
    started = time.monotonic()
    ref = blobs.put_bytes(tenant.org_id, "ndjson", data).ref
    payload = IngestPayload(ref, "ndjson", IndexingPlan(config=DEFAULT_CONFIG), mode="merge")
    with database.tenant(tenant.org_id) as session:
        job = queue.enqueue(
            session,
            project_id=tenant.project_id,
            kind="ingest",
            payload=payload.to_dict(),
            config_id=DEFAULT_CONFIG.config_id,
            merge=True,
        )
    while True:
        with database.tenant(tenant.org_id) as session:
            now = queue.get(session, tenant.project_id, job.job_id)
        if now.state in DONE_STATES:
            assert now.state == "succeeded", now.error
            return time.monotonic() - started
        time.sleep(0.01)


def work(url: str, blobs: str) -> None:
    """The worker's process, until it is ended; what is bulk waits for queries."""
    os.nice(10)
    database = Database(url, most=4).open()
    # Vectors come with the items; nothing is embedded.
    embedders = Embedders(EmbeddingSettings())
    deps = IngestDeps(database, BlobStore(blobs), embedders, lambda _: Quotas())
    Worker(deps, poll_seconds=0.05).start()
    print("ready", flush=True)
    sys.stdin.read()


@contextmanager
def worker(url: str, blobs: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.server.merges", "--worker", url, blobs]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def latencies(
    database: Database, tenant: Tenant, asked: Sequence[Question], made: Sequence[Version]
) -> dict[str, object]:
    """Queries of versions with more and more segments, in turns."""
    times: dict[int, list[float]] = {len(each.parts): [] for each in made}
    for question in [*asked[:10], *asked]:
        for version in made:
            request = SearchRequest.of(SearchIntent(question.text))

            def search(version: Version = version, question: Question = question) -> None:
                with database.read_transaction(tenant.org_id) as session:
                    PgExecutor(session, version).search(request, question.vector)  # noqa: B023

            times[len(version.parts)].append(timed(search))
    figures: dict[str, object] = {}
    first = percentile(times[1][10:], 50)
    for count, values in times.items():
        figures[f"segments_{count}_p50_ms"] = round(percentile(values[10:], 50), 2)
        figures[f"segments_{count}_p50_ratio"] = round(percentile(values[10:], 50) / first, 2)
    return figures


def recall(
    database: Database, tenant: Tenant, of: Corpus, version: Version, asked: Sequence[Question]
) -> float:
    """Share of the ten nearest live vectors that a search finds."""
    with database.read_transaction(tenant.org_id) as session:
        removed = segments.layout(session, version).removed
    hits = 0.0
    for question in asked:
        scores = of.vectors @ question.vector
        scores[removed[removed < len(scores)]] = -np.inf
        tenth = np.sort(scores)[-10]
        request = SearchRequest.of(SearchIntent(question.text, retrieval_mode="vector"))
        with database.read_transaction(tenant.org_id) as session:
            answer = PgExecutor(session, version).search(request, question.vector)
        best = sorted((each.vector or 0.0 for each in answer.candidates), reverse=True)[:10]
        hits += sum(score >= tenth - 1e-5 for score in best) / 10
    return hits / len(asked)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn, of three")
    parser.add_argument("--worker", nargs=2, metavar=("URL", "BLOBS"))
    given = parser.parse_args()
    if given.worker:
        work(*given.worker)
        return
    of = corpus(given.chunks)
    figures: dict[str, object] = {"chunks": given.chunks, "documents": DOCUMENTS}
    with (
        laboratory(durable=given.durable) as (postgres, database),
        tempfile.TemporaryDirectory() as folder,
        worker(postgres.url(), f"file://{folder}"),
    ):
        org_id, project_id = new_project(database, "merges")
        first = load(database, of, org_id, project_id, 0, given.chunks)
        tenant = Tenant(org_id, project_id, first, 0, given.chunks)
        figures |= measure(database, BlobStore(f"file://{folder}"), tenant, of, given.seconds)
        report("merges", figures)


def measure(
    database: Database, blobs: BlobStore, tenant: Tenant, of: Corpus, seconds: float
) -> dict[str, object]:
    made = [tenant.version]
    took: list[float] = []
    sent: list[int] = []
    stored: list[int] = []

    def one() -> None:
        data = body(items(of, len(made)))
        took.append(merge(database, blobs, tenant, data))
        sent.append(len(data))
        with database.tenant(tenant.org_id) as session:
            active = versions.active(session, tenant.project_id)
        assert active is not None
        made.append(active)
        stored.append(stored_bytes(database, tenant.org_id, active.version_no))

    vectors = GivenVectors()
    asked = questions(of, 100)
    for question in asked:
        text = parse_query(SearchIntent(question.text)).embed_text
        vectors.known[text] = question.vector
    vectors.known["merged1word"] = asked[0].vector
    service = SearchService(database, vectors)  # type: ignore[arg-type]  # what the bench gives
    ask(service, tenant, asked, 2)
    idle: list[float] = []
    busy: list[float] = []
    for _ in range(3):
        idle += ask(service, tenant, asked, seconds)
        ended = threading.Event()

        def merges(ended: threading.Event = ended) -> None:
            while not ended.is_set() and len(made) <= MERGES:
                one()

        merging = threading.Thread(target=merges)
        merging.start()
        busy += ask(service, tenant, asked, seconds)
        ended.set()
        merging.join()
    while len(made) <= MERGES:
        one()
    found = service.query(
        Scope(tenant.org_id, "b", tenant.project_id), QueryRequest(query="merged1word")
    )
    assert any("merged1word" in hit.chunk.content for hit in found[1].results)
    base = stored_bytes(database, tenant.org_id, tenant.version.version_no)
    chosen = [made[0], made[3], made[7]]
    return {
        "searchable_median_s": round(float(np.median(took)), 3),
        "searchable_worst_s": round(max(took), 3),
        "sent_share": round(max(sent) / full_bytes(of), 6),
        "stored_share": round(max(stored) / base, 6),
        "idle_p50_ms": round(percentile(idle, 50), 2),
        "idle_p95_ms": round(percentile(idle, 95), 2),
        "merging_p50_ms": round(percentile(busy, 50), 2),
        "merging_p95_ms": round(percentile(busy, 95), 2),
        "growth_p95": round(percentile(busy, 95) / percentile(idle, 95), 2),
        "recall_8_segments": round(recall(database, tenant, of, made[7], asked), 4),
        **latencies(database, tenant, asked, chosen),
    }


if __name__ == "__main__":
    main()
