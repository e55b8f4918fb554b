"""CoCo among its peers: a daemon of its own, asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.local.lab import begin, disk_size, laboratory, wait_ready
from bench.retrieval.codesearch import Target, place_of
from bench.retrieval.service import Service
from coco_protocol.projects import RegisterRequest
from tests.daemon_process import Daemon

# Longer than any answer takes, however busy the machine is.
_PATIENCE = 60.0


class Coco:
    """A daemon with one project."""

    def __init__(self, daemon: Daemon, http: httpx.Client, *, embedded: bool) -> None:
        assert daemon.process is not None
        self.pid = daemon.process.pid
        self._daemon = daemon
        self._service = Service(daemon, http)
        self._embedded = embedded
        self._project = ""

    def begin(self, root: Path) -> None:
        """Register the directory; questions are answered from then on."""
        with self._daemon.client as client:
            self._project = client.register(RegisterRequest(path=str(root))).project_id

    def finish(self) -> None:
        """Wait for all keywords, and for every vector where there is a model."""
        wait_ready(self._daemon, embedded=self._embedded, only=self._project)

    def ask(self, text: str, limit: int) -> list[Target]:
        """Ask with the shipped defaults."""
        asked = self._service.ask(self._project, text, {"top_k": limit})
        return [place_of(hit) for hit in asked.hits]

    def disk_bytes(self) -> int:
        """Return what the index occupies, without models and logs."""
        return int(disk_size(self._daemon) * 2**20)


@contextmanager
def running(models: Path | None) -> Iterator[Coco]:
    """Start a daemon and end it; without models it answers without a transformer."""
    with laboratory(models) as daemon:
        begin(daemon)
        url = f"http://127.0.0.1:{daemon.port}"
        with httpx.Client(base_url=url, timeout=_PATIENCE) as http:
            yield Coco(daemon, http, embedded=models is not None)
