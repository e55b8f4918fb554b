"""Local mode in memory: the one fake service of the tests.

Projects are texts by name, or a directory that is read anew for each request. What was asked is
kept, and a test that wants another answer says so: ``service.answer(LocalService.stats, broken)``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from coco_core.errors import DocumentNotFound, PathRefused, ProjectNotFound
from coco_local.api.service import DaemonService
from coco_local.monitoring.jobs import Job, JobRegistry
from coco_protocol.base import Answer, Request
from coco_protocol.configs import ConfigRequest
from coco_protocol.defaults import DefaultsRequest
from coco_protocol.docs import DocumentRequest, ReadRequest
from coco_protocol.jobs import JobEvent
from coco_protocol.operations import Operation
from coco_protocol.system import ModelBody, QueueStats
from tests.fake_documents import Directory, FakeProject, refuse_outside
from tests.fake_projects import ANSWERS

__all__ = ["ANSWERS", "ROOT", "TEXT", "FakeProject", "FakeService", "demo_service"]

Q = TypeVar("Q", bound=Request)
A = TypeVar("A", bound=Answer)

ROOT = "/projects/demo"
TEXT = "def greet(name):\n    return f'Hello, {name}'\n"


@dataclass
class FakeService(DaemonService):
    """Strict about what it refuses; every field may be changed by a test."""

    known: dict[str, FakeProject] = field(default_factory=dict)
    home: str = "/home/demo/.coco"
    model: ModelBody = field(
        default_factory=lambda: ModelBody(name="all-MiniLM-L6-v2", state="ready")
    )
    queues: QueueStats = field(default_factory=QueueStats)
    pending: int = 0
    notice: str | None = None
    before_query: Callable[[], object] = lambda: None
    adopted: dict[str, DefaultsRequest] = field(default_factory=dict)
    added: dict[str, ConfigRequest] = field(
        default_factory=lambda: {"default": ConfigRequest(config_id="default")}
    )
    registry: JobRegistry = field(default_factory=JobRegistry)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    started_at: float = field(default_factory=time.time)
    _received: list[Request] = field(default_factory=list)
    _answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def call(self, operation: Operation[Q, A], request: Q) -> A:
        self._received.append(request)
        own = self._answers.get(operation.name)
        if own is not None:
            answer: A = own(request)
            return answer
        return ANSWERS.call(self, operation, request)

    def wait_job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        return self.registry.wait_events(job_id, after, timeout)

    def answer(self, operation: Operation[Q, A], function: Callable[[Q], A]) -> None:
        """Answer an operation by ``function`` from now on."""
        self._answers[operation.name] = function

    def received(self, kind: type[Q]) -> list[Q]:
        """Return the requests of a kind, in the order in which they came."""
        return [request for request in self._received if isinstance(request, kind)]

    def add_directory(self, root: Path) -> None:
        """Make a directory a project under its own name."""
        project_id = f"id-{root.name}"
        self.known[project_id] = FakeProject(project_id, root.name, str(root), Directory(root))

    def start_job(self) -> Job:
        """Return a job that runs until the test ends it."""
        job = self.registry.create("index", "demo")
        job.enter("scan", 10)
        return job

    def finished_job(self, project_id: str) -> str:
        """Return the id of a job that is over."""
        job = self.registry.create("index", project_id)
        job.finish()
        return job.job_id

    def get(self, project_id: str) -> FakeProject:
        if project_id not in self.known:
            raise ProjectNotFound(
                f"There is no project {project_id!r}.", hint="List them with: coco projects"
            )
        return self.known[project_id]

    def resolve(self, project_id: str | None, path: str | None) -> FakeProject:
        """Return the named project, or the first."""
        if path is not None:
            refuse_outside(path)
        return self.get(project_id or next(iter(self.known), ""))

    def text(self, request: DocumentRequest | ReadRequest) -> str:
        project = self.resolve(request.project_id, request.path)
        name = request.doc_id
        if ".." in name.split("/") or name.startswith("/"):
            raise PathRefused(f"{name!r} is outside the project.")
        try:
            return project.files[name]
        except KeyError as error:
            raise DocumentNotFound(
                f"There is no file {name!r}.", hint="Use search or grep to find it."
            ) from error


def demo_service() -> FakeService:
    """Return a service with one project of one document; more can be registered below /projects."""
    demo = FakeProject("demo", "demo", ROOT, {"src/app.py": TEXT})
    return FakeService({"demo": demo}, queues=QueueStats(files=2, chunks=3))
