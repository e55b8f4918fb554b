"""Attackers without a key keep a running service from nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from bench.server import attackers
from tests.postgres_server import fresh_database
from tests.service_process import ServiceProcess, service_process
from tests.waiting import until

PER_ADDRESS = 50
HALF_OPEN = 500


@contextmanager
def _attack(service: ServiceProcess, name: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Let a program attack until the end of the block."""
    port = str(urlsplit(service.url).port)
    command = [sys.executable, "-m", attackers.__name__, "--attack", name, port, str(count)]
    attacker = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield attacker
    finally:
        attacker.kill()
        attacker.communicate()


def _open(service: ServiceProcess) -> int:
    """Return how many connections of clients the service has open."""
    port = urlsplit(service.url).port
    found = psutil.Process(service.process.pid).net_connections("tcp")
    return sum(each.status == "ESTABLISHED" and each.laddr.port == port for each in found)


def test_half_open_connections_are_bounded_and_go_away(tmp_path: Path) -> None:
    environ = {
        "COCO_MAX_CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS),
        "COCO_HEAD_SECONDS": "2",
    }
    with (
        service_process(fresh_database(), tmp_path, environ) as service,
        _attack(service, "half_open", HALF_OPEN) as attacker,
    ):
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == b"open\n"
        assert _open(service) <= PER_ADDRESS
        assert httpx.get(f"{service.url}/v1/sys/health/live", trust_env=False).is_success
        until(lambda: _open(service) == 0)
        assert attacker.poll() is None


def test_endless_heads_cost_a_bounded_memory_and_no_answer(tmp_path: Path) -> None:
    with service_process(fresh_database(), tmp_path, {}) as service:
        live = f"{service.url}/v1/sys/health/live"
        with httpx.Client(trust_env=False, timeout=20) as client:
            assert client.get(live).is_success
            before = psutil.Process(service.process.pid).memory_info().rss
            with _attack(service, "heads", 8) as attacker:
                until(lambda: _open(service) > 1)
                for _ in range(50):
                    assert client.get(live).is_success
                assert attacker.poll() is None
            after = psutil.Process(service.process.pid).memory_info().rss
        assert after - before < 64 << 20
