"""Probes of the worker, and its end at the second signal."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx

from coco_server.dev.children import free_port
from tests.postgres_server import fresh_database
from tests.waiting import until
from tests.worker_process import WorkerProcess


def _probe(port: int, name: str) -> tuple[int, str]:
    answer = httpx.get(f"http://127.0.0.1:{port}/{name}", timeout=10, trust_env=False)
    return answer.status_code, answer.json().get("reason", "")


def _worker(tmp_path: Path, port: int) -> WorkerProcess:
    (tmp_path / "blobs").mkdir()
    environ = {
        "COCO_META_DB": fresh_database(),
        "COCO_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "COCO_WORKER_PROBE_HOST": "127.0.0.1",
        "COCO_WORKER_PROBE_PORT": str(port),
        "COCO_OFFLINE": "1",
    }
    return WorkerProcess(tmp_path / "worker.log", environ)


def test_a_worker_says_that_it_takes_jobs(tmp_path: Path) -> None:
    port = free_port()
    worker = _worker(tmp_path, port).wait_started()
    for name in ("startup", "live", "ready"):
        assert _probe(port, name) == (200, ""), name
    assert worker.stop() == 0


def test_probes_answer_while_a_worker_starts(tmp_path: Path) -> None:
    port = free_port()
    worker = _worker(tmp_path, port)

    def told() -> bool:
        assert worker.process.poll() is None, worker.said()
        try:
            return _probe(port, "live")[0] == 200
        except httpx.TransportError:
            return False

    until(told, 60)
    worker.wait_started()
    worker.process.send_signal(signal.SIGTERM)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) in {0, 3}
