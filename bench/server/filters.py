"""What do many path globs cost, for those who send them and for everybody else?

One org's clients send queries with so many exclude globs, each with new ones, while a client of
another org sends plain queries. Given are the times of both, and of the other org alone. The
service is the real one, on a real socket; the tenants' vectors are not used.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np

from bench.server.lab import arguments, percentile, report
from coco_core.types import FloatVector
from coco_server.dev.postgres import DevPostgres
from coco_server.store import chunks, keys, sealing, versions
from coco_server.store.migrate import migrate
from coco_server.store.session import Database
from tests.api_service import api_processes
from tests.coco_server.tenants import DIMENSION, Tenant, chunk_row, new_tenant

KINDS = ("*.x{n}", "gen{n}/**", "build{n}", "src/**/gen{n}/*.py", "[a-c]{n}*.min.*")
"""A suffix, a folder, a name at any depth, a deep path, and one that is none of these."""


def fill(tenant: Tenant, documents: int) -> None:
    vector: FloatVector = np.ones(DIMENSION, np.float32)
    version = tenant.begin()
    for first in range(0, documents, 2_000):
        rows = [
            chunk_row(
                f"src/part{n % 300}/module{n % 50}/file{n}.py", f"common words, number{n}", vector
            )
            for n in range(first, min(documents, first + 2_000))
        ]
        added = [chunks.DocumentRow(each.doc_id, "", 1) for each in rows]
        with tenant.session() as session:
            chunks.append(session, version, added, rows)
    with tenant.session() as session:
        ready = sealing.seal(session, version)
    with tenant.session() as session:
        versions.activate(session, tenant.project_id, ready.version_id)


class Asker:
    """One client of an org, with its times in milliseconds."""

    def __init__(self, url: str, tenant: Tenant) -> None:
        with tenant.database.system() as session:
            key = keys.create(session, tenant.org_id, "bench", ("query",))
        headers = {
            "authorization": f"Bearer {key.text}",
            "x-coco-org-id": tenant.org_id,
            "x-coco-user-id": "bench",
            "x-coco-project-id": tenant.project_id,
        }
        self.client = httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False)
        self.times: list[float] = []
        self.refused = 0

    def ask(self, globs: list[str]) -> None:
        body = {
            "query": "common words",
            "filters": {"exclude": globs},
            "retrieval_config": {"retrieval_mode": "fts"},
        }
        started = time.perf_counter()
        answer = self.client.post("/v1/docs/query", json=body)
        self.times.append((time.perf_counter() - started) * 1000)
        self.refused += answer.status_code != 200

    def keep_asking(self, count: int, number: int, step: int, done: threading.Event) -> None:
        run = 10 + number
        while not done.is_set():
            run += step
            self.ask(globs(count, run))


def globs(count: int, run: int) -> list[str]:
    return [KINDS[n % len(KINDS)].format(n=n + 1000 * run) for n in range(count)]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--queries", type=int, default=60, help="of the other org, for each figure")
    options = parser.parse_args()
    os.environ["COCO_RATE_LIMIT_PER_MIN"] = os.environ["COCO_RATE_LIMIT_BURST"] = "1000000"
    with DevPostgres() as postgres, TemporaryDirectory() as blobs:
        migrate(postgres.url())
        with Database(postgres.url()) as database:
            tenants = [new_tenant(database, name) for name in ("Globs", "Other")]
            for each in tenants:
                fill(each, options.documents)
            with api_processes(postgres.url(), Path(blobs), 1) as [api]:
                measure(api.url, tenants, options.clients, options.queries)


def measure(url: str, tenants: list[Tenant], clients: int, queries: int) -> None:
    other = Asker(url, tenants[1])
    for _ in range(10):
        other.ask([])
    for count in (0, 32, 33, 200):
        askers = [Asker(url, tenants[0]) for _ in range(clients)]
        alone = Asker(url, tenants[0])
        for run in range(5):
            alone.ask(globs(count, run))
        other.times.clear()
        for _ in range(queries):
            other.ask([])
        idle = percentile(other.times, 95)
        done = threading.Event()
        threads = [
            threading.Thread(target=each.keep_asking, args=(count, number, clients, done))
            for number, each in enumerate(askers)
        ]
        for thread in threads:
            thread.start()
        other.times.clear()
        for _ in range(queries):
            other.ask([])
        done.set()
        for thread in threads:
            thread.join()
        asked = [each for asker in askers for each in asker.times]
        report(
            "filters",
            {
                "globs": count,
                "alone_p50_ms": round(percentile(alone.times, 50), 1),
                f"of_{clients}_p50_ms": round(percentile(asked, 50), 1),
                f"of_{clients}_refused": sum(asker.refused for asker in askers),
                "other_idle_p95_ms": round(idle, 1),
                "other_p50_ms": round(percentile(other.times, 50), 1),
                "other_p95_ms": round(percentile(other.times, 95), 1),
            },
        )


if __name__ == "__main__":
    main()
