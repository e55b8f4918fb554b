"""The daemon as typed Python: what the CLI, the MCP shim and the TUI talk to.

A method for each route, in the words of `coco_local.service.LocalService`; errors are the classes
of `coco_core.errors` that the service raised.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from coco_core.errors import CocoError, Conflict, DaemonNotRunning, Unavailable
from coco_local.wire import NOT_RUNNING, Wire, foreign_service
from coco_protocol.base import Answer, Request
from coco_protocol.configs import ConfigBody, ConfigList, ConfigRequest
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.docs import (
    ChunksData,
    DocumentsData,
    GrepData,
    GrepRequest,
    ImportData,
    ImportRequest,
    IndexRequest,
    OutlineData,
    QueryData,
    QueryMeta,
    QueryRequest,
    ReadData,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.envelope import API_VERSION, HEADER_PROJECT, SIGNATURE, Meta
from coco_protocol.jobs import JobBody, JobEvent, JobList
from coco_protocol.projects import (
    IndexList,
    ProjectBody,
    ProjectList,
    RegisterData,
    RegisterRequest,
    RescanData,
)
from coco_protocol.system import (
    ExplainPathData,
    HealthData,
    PruneData,
    PruneRequest,
    ShutdownData,
    StatsData,
)

if TYPE_CHECKING:
    from coco_local.settings import Settings

__all__ = ["FINAL_STATES", "Client"]

FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})
"""States after which a job sends no more events."""

# The service sends something at least every 10 s; missing three times in a row is no accident.
_SILENCE_SECONDS = 30.0

# Health is answered at once whatever else goes on; what is silent for so long is not CoCo.
_HEALTH_SECONDS = 5.0

# A stream that breaks is picked up where it was; a service that breaks it each time is ill.
_MAX_RECONNECTS = 5

A = TypeVar("A", bound=Answer)


class Client:
    """One daemon, or any service that speaks its protocol; thread-safe."""

    def __init__(self, base_url: str, api_key: str | None = None, *, timeout: float = 30.0) -> None:
        self._wire = Wire(base_url, api_key=api_key, timeout=timeout)
        self._greeting = threading.Lock()
        self._greeted = False
        self._home: str | None = None
        self.meta = Meta()
        """What the last answer said about itself."""

    @classmethod
    def discover(cls, settings: Settings, *, timeout: float = 30.0) -> Client:
        """Return a client of the daemon that serves this home: the lock says where it listens."""
        from coco_local.address import daemon_url

        client = cls(daemon_url(settings), settings.api_key, timeout=timeout)
        if not settings.exposed:
            # Another home's daemon knows other projects; on another machine homes say nothing.
            client._home = os.path.realpath(settings.home.root)
        return client

    @property
    def base_url(self) -> str:
        """Where the service is expected."""
        return self._wire.base_url

    def close(self) -> None:
        """Close idle connections."""
        self._wire.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The service about itself.

    def health(self) -> HealthData:
        """Say what runs there, after making sure that it is CoCo and speaks this protocol."""
        answer = self._wire.exchange("GET", "/v1/sys/health", patience=_HEALTH_SECONDS)
        data = answer.get("data")
        if not isinstance(data, dict) or data.get("signature") != SIGNATURE:
            raise foreign_service(self.base_url)
        spoken = data.get("api_version")
        if spoken != API_VERSION:
            raise Conflict(
                f"The running CoCo service speaks version {spoken!r} of the protocol, "
                f"this program version {API_VERSION}.",
                hint="They come from different installations: coco restart",
                details={"service": spoken, "client": API_VERSION},
            )
        health = self._read(HealthData, answer)
        if self._home is not None and os.path.realpath(health.home) != self._home:
            raise DaemonNotRunning(
                NOT_RUNNING,
                hint=f"What listens at {self.base_url} serves another home, {health.home!r}; this "
                f"one is {self._home!r} (COCO_HOME). They need different ports (COCO_PORT).",
                details={"url": self.base_url, "home": health.home},
            )
        self._greeted = True
        return health

    def stats(self) -> StatsData:
        """Return what the TUI and the metrics show."""
        return self._get(StatsData, "/v1/sys/stats")

    def stats_events(self) -> Iterator[StatsData]:
        """Yield the statistics of every second until the service stops."""
        return self._stream(StatsData, "/v1/sys/stats/stream")

    def explain_path(self, path: str) -> ExplainPathData:
        """Say why a path is or is not indexed."""
        return self._get(ExplainPathData, "/v1/sys/explain", {"path": path})

    def prune(self, request: PruneRequest) -> PruneData:
        """Remove what no project needs any more."""
        return self._post(PruneData, "/v1/sys/prune", request)

    def shutdown(self) -> ShutdownData:
        """Ask the daemon to stop; it answers before it does."""
        return self._post(ShutdownData, "/v1/sys/shutdown")

    # Indexing configs.

    def configs(self) -> ConfigList:
        """Return all indexing configs, oldest first."""
        return self._get(ConfigList, "/v1/sys/configs")

    def config(self, config_id: str) -> ConfigBody:
        """Return one indexing config."""
        return self._get(ConfigBody, f"/v1/sys/configs/{_segment(config_id)}")

    def add_config(self, request: ConfigRequest) -> ConfigBody:
        """Register a config; the same id with other content is a `ConfigConflict`."""
        return self._post(ConfigBody, "/v1/sys/configs", request)

    # Projects.

    def register(self, request: RegisterRequest) -> RegisterData:
        """Return the project of a directory, made if it is not registered yet."""
        return self._post(RegisterData, "/v1/sys/register", request)

    def projects(self) -> ProjectList:
        """Return all projects, by name."""
        return self._get(ProjectList, "/v1/projects")

    def project(self, project_id: str) -> ProjectBody:
        """Return one project with the state of its index."""
        return self._get(ProjectBody, f"/v1/projects/{_segment(project_id)}")

    def forget(self, project_id: str) -> ProjectBody:
        """Remove a project with its index; files on disk stay."""
        answer = self._exchange("DELETE", f"/v1/projects/{_segment(project_id)}")
        return self._read(ProjectBody, answer)

    def indexes(self, project_id: str) -> IndexList:
        """Return the indexes of a project, the active one first."""
        return self._get(IndexList, f"/v1/projects/{_segment(project_id)}/indexes")

    def drop_index(self, project_id: str, config_id: str) -> IndexList:
        """Remove an index that is not the active one; returns those that are left."""
        path = f"/v1/projects/{_segment(project_id)}/indexes/{_segment(config_id)}"
        return self._read(IndexList, self._exchange("DELETE", path))

    def defaults(self, project_id: str) -> DefaultsBody:
        """Return what a project's queries take when they say nothing else."""
        return self._get(DefaultsBody, f"/v1/projects/{_segment(project_id)}/defaults")

    def set_defaults(self, project_id: str, request: DefaultsRequest) -> DefaultsBody:
        """Change that: the index that answers, and the retrieval config."""
        path = f"/v1/projects/{_segment(project_id)}/defaults"
        return self._read(DefaultsBody, self._exchange("PUT", path, request))

    def rescan(self, project_id: str) -> RescanData:
        """Look for changes that the watcher missed, as a job."""
        return self._post(RescanData, f"/v1/projects/{_segment(project_id)}/rescan")

    # Documents.

    def import_paths(self, request: ImportRequest) -> ImportData:
        """Register directories and start the jobs that index them."""
        return self._post(ImportData, "/v1/docs/import", request)

    def index(self, request: IndexRequest, project_id: str | None = None) -> ImportData:
        """Start a job that brings a project up to date or builds it anew."""
        return self._post(ImportData, "/v1/docs/index", request, project_id)

    def query(
        self, request: QueryRequest, project_id: str | None = None
    ) -> tuple[QueryMeta, QueryData]:
        """Answer a query; the hits are as they stand on disk now."""
        return self._search("/v1/docs/query", request, project_id)

    def related(
        self, request: RelatedRequest, project_id: str | None = None
    ) -> tuple[QueryMeta, QueryData]:
        """Return chunks like the named one."""
        return self._search("/v1/docs/related", request, project_id)

    def outline(
        self, doc_id: str, project_id: str | None = None, path: str | None = None
    ) -> OutlineData:
        """Return the symbols or headings of a file, in order."""
        query = {"doc_id": doc_id, "path": path}
        answer = self._exchange("GET", "/v1/docs/outline", project_id=project_id, query=query)
        return self._read(OutlineData, answer)

    def documents(
        self, project_id: str | None = None, *, after: str = "", limit: int = 1000
    ) -> DocumentsData:
        """Return a page of a project's documents, by id."""
        query = {"after": after, "limit": limit}
        answer = self._exchange("GET", "/v1/docs/list", project_id=project_id, query=query)
        return self._read(DocumentsData, answer)

    def chunks(self, doc_id: str, project_id: str | None = None) -> ChunksData:
        """Return the chunks of a file as it is now."""
        query = {"doc_id": doc_id}
        answer = self._exchange("GET", "/v1/docs/chunks", project_id=project_id, query=query)
        return self._read(ChunksData, answer)

    def grep(self, request: GrepRequest, project_id: str | None = None) -> GrepData:
        """Search the text of the project's files as they are now."""
        return self._post(GrepData, "/v1/docs/grep", request, project_id)

    def read(self, request: ReadRequest, project_id: str | None = None) -> ReadData:
        """Return lines of a project's file from disk."""
        return self._post(ReadData, "/v1/docs/read", request, project_id)

    # Jobs.

    def jobs(self) -> JobList:
        """Return all jobs, newest first."""
        return self._get(JobList, "/v1/jobs")

    def job(self, job_id: str) -> JobBody:
        """Return one job with its progress."""
        return self._get(JobBody, f"/v1/jobs/{_segment(job_id)}")

    def cancel_job(self, job_id: str) -> JobBody:
        """Ask a job to stop after the write in hand; a finished one stays as it is."""
        return self._read(JobBody, self._exchange("DELETE", f"/v1/jobs/{_segment(job_id)}"))

    def job_events(self, job_id: str, after: int = 0) -> Iterator[JobEvent]:
        """Yield a job's events until its final one; a broken stream is picked up where it was."""
        failures = 0
        while True:
            try:
                for event in self._events(job_id, after):
                    yield event
                    after, failures = event.sequence, 0
                    if event.job.state in FINAL_STATES:
                        return
            except DaemonNotRunning:
                raise
            except Unavailable:
                failures += 1
                if failures >= _MAX_RECONNECTS:
                    raise
            else:
                # The service ended the stream: either the job is over, or it is going down.
                if self.job(job_id).state in FINAL_STATES:
                    return
                failures += 1
                if failures >= _MAX_RECONNECTS:
                    raise Unavailable(
                        f"The events of the job {job_id!r} break off again and again.",
                        hint=f"Look at it without events: coco jobs {job_id}",
                    )

    def _events(self, job_id: str, after: int) -> Iterator[JobEvent]:
        return self._stream(
            JobEvent,
            f"/v1/jobs/{_segment(job_id)}/events",
            {"after": after},
        )

    def _stream(
        self, kind: type[A], path: str, query: Mapping[str, object] | None = None
    ) -> Iterator[A]:
        self._greet()
        for _, data in self._wire.events(path, query=query, silence=_SILENCE_SECONDS):
            try:
                yield kind.model_validate_json(data)
            except ValidationError as error:
                raise _mismatch(error) from error

    def _search(
        self, path: str, request: Request, project_id: str | None
    ) -> tuple[QueryMeta, QueryData]:
        answer = self._exchange("POST", path, request, project_id)
        data = self._read(QueryData, answer)
        try:
            meta = QueryMeta.model_validate(answer.get("meta") or {})
        except ValidationError as error:
            raise _mismatch(error) from error
        return meta, data

    def _get(self, kind: type[A], path: str, query: Mapping[str, object] | None = None) -> A:
        return self._read(kind, self._exchange("GET", path, query=query))

    def _post(
        self,
        kind: type[A],
        path: str,
        request: Request | None = None,
        project_id: str | None = None,
    ) -> A:
        return self._read(kind, self._exchange("POST", path, request, project_id))

    def _exchange(
        self,
        method: str,
        path: str,
        request: Request | None = None,
        project_id: str | None = None,
        query: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        self._greet()
        # Fields that were not set stay unsent: an older service need not know them.
        body = request.model_dump_json(exclude_unset=True) if request is not None else None
        headers = {HEADER_PROJECT: project_id} if project_id is not None else None
        return self._wire.exchange(method, path, query=query, body=body, headers=headers)

    def _greet(self) -> None:
        """Once per client: make sure that the program at the other end is the right one."""
        if self._greeted:
            return
        with self._greeting:
            if not self._greeted:
                self.health()

    def _read(self, kind: type[A], answer: dict[str, object]) -> A:
        try:
            data = kind.model_validate(answer.get("data"))
            self.meta = Meta.model_validate(answer.get("meta") or {})
        except ValidationError as error:
            raise _mismatch(error) from error
        return data


def _segment(text: str) -> str:
    return quote(text, safe="")


def _mismatch(error: ValidationError) -> CocoError:
    return Unavailable(
        f"The service's answer is not what this version of CoCo reads ({error.error_count()} "
        f"differences, the first at {error.errors()[0]['loc']!r}).",
        hint="Service and program come from different installations: coco restart",
    )
