"""How long health takes while clients attack: endless heads, half-open connections, wrong keys.

A real API process over a real PostgreSQL; attackers are programs of their own.

    python -m bench.server.attackers --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from coco_server.store.migrate import migrate
from tests.api_service import api_processes
from tests.postgres_server import fresh_database

LIVE = "/v1/sys/health/live"


def heads(port: int, count: int) -> None:
    """Send endless headers over ``count`` connections, again and again."""
    piece = b"x" * 65_536

    async def attack() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\nx-endless: ")
                while True:
                    writer.write(piece)
                    await writer.drain()
            except OSError:
                await asyncio.sleep(0)

    async def everyone() -> None:
        await asyncio.gather(*(attack() for _ in range(count)))

    asyncio.run(everyone())


def half_open(port: int, count: int) -> None:
    """Open ``count`` connections, begin a head on each, and keep them."""
    kept = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.send(b"GET /v1/sys/health/live HTTP/1.1\r\nhost: x")
        kept.append(connection)
    print("open", flush=True)
    time.sleep(3600)


def wrong_keys(port: int, count: int) -> None:
    """Ask with wrong keys from ``count`` clients, a new key each time."""

    async def attack(number: int) -> None:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            for turn in range(10**9):
                key = f"coco_{number:04x}{turn:08x}_{'A' * 43}"
                headers = {"authorization": f"Bearer {key}", "x-coco-org-id": "org"}
                await client.get(f"http://127.0.0.1:{port}/v1/sys/configs", headers=headers)

    async def everyone() -> None:
        await asyncio.gather(*(attack(number) for number in range(count)))

    asyncio.run(everyone())


ATTACKS = {"heads": heads, "half_open": half_open, "wrong_keys": wrong_keys}


def measure(url: str, seconds: float) -> list[float]:
    """Return how long requests for health took, in milliseconds."""
    found = []
    end = time.monotonic() + seconds
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while time.monotonic() < end:
            started = time.perf_counter()
            client.get(LIVE).raise_for_status()
            found.append(1000 * (time.perf_counter() - started))
            time.sleep(0.005)
    return found


def line(name: str, times: Sequence[float]) -> str:
    cut = statistics.quantiles(times, n=20)
    return f"{name:<28} p50 {statistics.median(times):7.2f} ms  p95 {cut[18]:7.2f} ms  " \
        f"max {max(times):8.2f} ms  ({len(times)} requests)"  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--attack", nargs=3, metavar=("NAME", "PORT", "COUNT"))
    given = parser.parse_args()
    if given.attack:
        name, port, count = given.attack
        ATTACKS[name](int(port), int(count))
        return
    database_url = fresh_database()
    migrate(database_url)
    with (
        tempfile.TemporaryDirectory() as blobs,
        api_processes(database_url, Path(blobs), 1) as (process,),
    ):
        port = process.url.rpartition(":")[2]
        print(line("idle", measure(process.url, given.seconds)))
        for name, count in (("heads", 1), ("heads", 8), ("half_open", 3000), ("wrong_keys", 40)):
            command = [sys.executable, "-m", "bench.server.attackers", "--attack", name, port]
            attacker = subprocess.Popen([*command, str(count)], stdout=subprocess.DEVNULL)
            try:
                time.sleep(2)
                print(line(f"{count} x {name}", measure(process.url, given.seconds)))
            finally:
                attacker.kill()
                attacker.wait()
        print(line("idle again", measure(process.url, given.seconds)))


if __name__ == "__main__":
    main()
