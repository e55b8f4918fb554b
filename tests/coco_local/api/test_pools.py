"""Many clients at once: queries wait for each other, and nothing else waits for queries."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from coco_local.api.pools import query_threads
from tests.fake_service import FakeService


class Gate:
    """Lets queries in, counts them, and keeps them until it is opened."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.changed = threading.Condition()
        self.opened = threading.Event()

    def __call__(self) -> None:
        with self.changed:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.changed.notify_all()
        assert self.opened.wait(10)
        with self.changed:
            self.inside -= 1


@pytest.mark.slow
def test_fifty_clients_queue_and_health_answers(client: httpx.Client, service: FakeService) -> None:
    service.before_query = gate = Gate()
    threads = query_threads()

    def ask(_: int) -> int:
        return httpx.post(
            f"{client.base_url}/v1/docs/query",
            json={"query": "greet"},
            timeout=20,
            trust_env=False,
        ).status_code

    with ThreadPoolExecutor(50) as pool:
        answers = pool.map(ask, range(50))
        with gate.changed:
            assert gate.changed.wait_for(lambda: gate.inside == threads, timeout=10)
        assert client.get("/v1/sys/health").status_code == 200
        assert client.get("/v1/sys/stats").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert client.post("/v1/projects/demo/rescan").status_code == 200
        assert client.get("/v1/jobs").status_code == 200
        gate.opened.set()
        assert set(answers) == {200}
    assert gate.most == threads
