"""How long one org's queries take while another org sends all it can.

A real API process over a real PostgreSQL with an index for each org; the clients are programs of
their own. Idle and busy measurements alternate; the medians of the rounds are compared.

    python -m bench.server.fairness --rounds 5 --seconds 6 --clients 50
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from coco_server.api.services import build_services
from tests.api_service import CONFIG, Org, Running, api_processes, settings_for
from tests.postgres_server import fresh_database

QUERY = {
    "query": "how is a failed request repeated",
    "indexing_config_id": CONFIG.config_id,
    "retrieval_config": {"retrieval_mode": "fts"},
}
DOCUMENTS = 5_000
WORDS = ("request", "failed", "again", "service", "answer", "index", "search", "import", "query")


def texts(seed: int) -> dict[str, str]:
    """Return documents of some ten words, which the query finds."""
    return {
        f"d{number}": " ".join(WORDS[(number * step + seed) % len(WORDS)] for step in range(1, 12))
        for number in range(DOCUMENTS)
    }


def greedy(url: str, headers: dict[str, str], path: str, clients: int) -> None:
    """Send one request after the other from every client."""

    async def everyone() -> None:
        limits = httpx.Limits(max_connections=clients)
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=60, trust_env=False, limits=limits
        ) as client:

            async def one() -> None:
                while True:
                    if path == "query":
                        await client.post("/v1/docs/query", json=QUERY)
                    else:
                        await client.get(path)

            await asyncio.gather(*(one() for _ in range(clients)))

    asyncio.run(everyone())


def measure(url: str, headers: dict[str, str], seconds: float) -> list[float]:
    """Return how long queries of one client took, in milliseconds."""
    found, end = [], time.monotonic() + seconds
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        while time.monotonic() < end:
            started = time.perf_counter()
            client.post("/v1/docs/query", json=QUERY).raise_for_status()
            found.append(1000 * (time.perf_counter() - started))
            time.sleep(0.02)
    return found


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


def compare(url: str, quiet: Org, busy: Org, path: str, given: argparse.Namespace) -> None:
    idle, loaded = [], []
    command = [sys.executable, "-m", "bench.server.fairness", "--greedy", url, path]
    for _ in range(given.rounds):
        idle.append(measure(url, quiet.headers, given.seconds))
        attacker = subprocess.Popen(
            [*command, json.dumps(busy.headers), "--clients", str(given.clients)]
        )
        try:
            time.sleep(1.5)
            loaded.append(measure(url, quiet.headers, given.seconds))
        finally:
            attacker.kill()
            attacker.wait()
    medians = [statistics.median(map(statistics.median, each)) for each in (idle, loaded)]
    tails = [statistics.median(map(p95, each)) for each in (idle, loaded)]
    kind = "queries" if path == "query" else "exports"
    print(
        f"{given.clients} clients, {kind}: p50 {medians[0]:.1f} → {medians[1]:.1f} ms "
        f"({medians[1] / medians[0]:.2f}), p95 {tails[0]:.1f} → {tails[1]:.1f} ms "
        f"({tails[1] / tails[0]:.2f} times idle)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--greedy", nargs=3, metavar=("URL", "PATH", "HEADERS"))
    given = parser.parse_args()
    if given.greedy:
        url, path, headers = given.greedy
        greedy(url, json.loads(headers), path, given.clients)
        return
    database_url = fresh_database()
    with tempfile.TemporaryDirectory() as blobs:
        services = build_services(settings_for(database_url, Path(blobs)))
        services.database.open()
        with api_processes(database_url, Path(blobs), 1) as (process,):
            service = Running(process.url, services)
            limits = {"rate_limit_per_min": 10_000_000, "rate_limit_burst": 10_000_000}
            quiet = service.org("Quiet", **limits).with_project()
            busy = service.org("Busy", **limits).with_project()
            quiet.build(texts(1))
            version, _ = busy.build(texts(2))
            export = f"/v1/projects/{busy.project_id}/versions/{version.version_id}/chunks"
            for path in ("query", export):
                compare(process.url, quiet, busy, path, given)
        services.database.close()


if __name__ == "__main__":
    main()
