"""`coco-server serve` as a process of its own, to be signalled and looked at through its probes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from coco_server.dev.children import free_port, spawn
from tests.api_service import ADMIN_KEY
from tests.waiting import until


@dataclass(frozen=True)
class ServiceProcess:
    """A service that runs, with its probes."""

    process: subprocess.Popen[bytes]
    url: str
    probes: str
    log: Path

    def probe(self, name: str) -> tuple[int, dict[str, Any]] | None:
        """Return status and body of a probe; None: nothing listens."""
        try:
            answer = httpx.get(f"{self.probes}/{name}", timeout=10, trust_env=False)
        except httpx.TransportError:
            return None
        return answer.status_code, answer.json()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what its log has of one kind."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in found if each.get("event") == name]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)


@contextmanager
def service_process(
    database_url: str, place: Path, environ: Mapping[str, str], *, insecure: bool = True
) -> Iterator[ServiceProcess]:
    """Run the service until the end of the block; yields it once its probes say that it is up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
    port, probe_port, log = free_port(), free_port(), place / "service.log"
    (place / "blobs").mkdir(exist_ok=True)
    kept |= {
        "COCO_META_DB": database_url,
        "COCO_BLOB_URL": (place / "blobs").as_uri(),
        "COCO_ADMIN_KEY": ADMIN_KEY,
        "COCO_DB_CONNECTIONS": "4",
        "COCO_HOST": "127.0.0.1",
        "COCO_PORT": str(port),
        "COCO_PROBE_HOST": "127.0.0.1",
        "COCO_PROBE_PORT": str(probe_port),
        **environ,
    }
    command = [sys.executable, "-m", "coco_server.cli", "serve"]
    with log.open("ab") as output:
        command += ["--insecure-dev"] if insecure else []
        process = spawn(command, environ=kept, output=output)
    scheme = "http" if insecure else "https"
    service = ServiceProcess(
        process, f"{scheme}://127.0.0.1:{port}", f"http://127.0.0.1:{probe_port}", log
    )
    try:

        def up() -> bool:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            found = service.probe("startup")
            return found is not None and found[0] == 200

        until(up, 90)
        yield service
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
