"""What does a bulk import do to the queries of others?

One tenant asks, at a steady pace, first on an idle service, then while another process loads and
indexes a large import of another tenant. Goal: the 95th percentile grows by half at most.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.server.corpus import Question, corpus, questions
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
from coco_core.intent import SearchIntent
from coco_core.query import parse_query
from coco_protocol.server.docs import QueryRequest
from coco_server.search.service import SearchService
from coco_server.store.session import Database, Scope

# Between two queries: a steady trickle shows the latency, and does not load the machine itself.
PAUSE = 0.02


def ask(
    service: SearchService, tenant: Tenant, asked: list[Question], seconds: float
) -> list[float]:
    scope = Scope(tenant.org_id, "b", tenant.project_id)
    times: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        request = QueryRequest(query=asked[len(times) % len(asked)].text)
        times.append(timed(lambda r=request: service.query(scope, r)))  # type: ignore[misc]
        time.sleep(PAUSE)
    return times


def importer(url: str, rows: int) -> None:
    """The other process: imports until it is ended."""
    # As the worker does: what is bulk waits for what somebody waits for.
    os.nice(10)
    of = corpus(rows)
    print("ready", flush=True)
    number = 0
    with Database(url, most=2) as database:
        while True:
            number += 1
            org_id, project_id = new_project(database, f"bulk {number}")
            load(database, of, org_id, project_id, 0, rows)
            print(number, flush=True)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--chunks", type=int, default=5_000, help="of the tenant that asks")
    parser.add_argument("--rows", type=int, default=30_000, help="of one import")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--importer", metavar="URL")
    given = parser.parse_args()
    if given.importer:
        importer(given.importer, given.rows)
    of = corpus(given.chunks)
    with laboratory(durable=given.durable) as (postgres, database):
        org_id, project_id = new_project(database, "asks")
        version = load(database, of, org_id, project_id, 0, given.chunks)
        tenant = Tenant(org_id, project_id, version, 0, given.chunks)
        vectors = GivenVectors()
        asked = questions(of, 100)
        for question in asked:
            text = parse_query(SearchIntent(question.text)).embed_text
            vectors.known[text] = question.vector
        service = SearchService(database, vectors)  # type: ignore[arg-type]  # what the bench gives
        ask(service, tenant, asked, 3)
        idle = ask(service, tenant, asked, given.seconds)
        command = [sys.executable, "-m", "bench.server.imports", "--importer", postgres.url()]
        with subprocess.Popen(
            [*command, "--rows", str(given.rows)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            busy = ask(service, tenant, asked, given.seconds)
            process.kill()
            done = process.stdout.read().decode().split()
        report(
            "imports",
            {
                "idle_p50_ms": round(percentile(idle, 50), 2),
                "idle_p95_ms": round(percentile(idle, 95), 2),
                "busy_p50_ms": round(percentile(busy, 50), 2),
                "busy_p95_ms": round(percentile(busy, 95), 2),
                "growth_p95": round(percentile(busy, 95) / percentile(idle, 95), 2),
                "goal": 1.5,
                "imports_done": len(done),
            },
        )


if __name__ == "__main__":
    main()
