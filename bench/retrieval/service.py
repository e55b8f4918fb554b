"""The product as retrieval benchmarks use it: directories registered, questions over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.local.lab import begin, laboratory, wait_idle, wait_ready
from coco_local.client.http_client import Client
from coco_protocol.docs import Hit
from coco_protocol.projects import ProjectBody, RegisterRequest
from tests.daemon_process import Daemon

# An answer that takes longer than this is a failure, however busy the machine is.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Indexed:
    """A project that is ready to be asked."""

    project: ProjectBody
    seconds: float
    """From its registration until it was ready."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The hits of one question, best first."""

    hits: list[Hit]
    milliseconds: float
    """As the client sees it: the request, the embedding of the query, the answer's last byte."""


class Service:
    """A daemon that runs for one benchmark alone."""

    def __init__(self, daemon: Daemon, http: httpx.Client) -> None:
        self._daemon = daemon
        self._http = http

    @property
    def client(self) -> Client:
        """What the products' own front ends ask with; to be closed."""
        return self._daemon.client

    def index(self, root: Path, *, embedded: bool) -> Indexed:
        """Register a directory and wait for its keywords, on demand for every vector too."""
        before = time.perf_counter()
        with self._daemon.client as client:
            project_id = client.register(RegisterRequest(path=str(root.resolve()))).project_id
        project = wait_ready(self._daemon, embedded=embedded, only=project_id)
        return Indexed(project, time.perf_counter() - before)

    def ask(self, project_id: str, text: str, retrieval: dict[str, Any]) -> Asked:
        """Ask one project with a retrieval config."""
        body = {"query": text, "project_id": project_id, "retrieval_config": retrieval}
        before = time.perf_counter()
        answer = self._http.post("/v1/docs/query", json=body)
        took = time.perf_counter() - before
        answer.raise_for_status()
        hits = [Hit.model_validate(each) for each in answer.json()["data"]["results"]]
        return Asked(hits, took * 1000)

    def settle(self) -> None:
        """Wait until the daemon has nothing to do: static vectors come after the keywords."""
        wait_idle(self._daemon)

    def forget(self, project_id: str) -> None:
        """Remove a project with its index."""
        self._http.delete(f"/v1/projects/{project_id}").raise_for_status()


@contextmanager
def service(models: Path | None, home: Path | None = None) -> Iterator[Service]:
    """Start a daemon and end it; ``home`` keeps its indexes for the next run."""
    with laboratory(models, home) as daemon:
        begin(daemon)
        with httpx.Client(base_url=f"http://127.0.0.1:{daemon.port}", timeout=_PATIENCE) as http:
            yield Service(daemon, http)
