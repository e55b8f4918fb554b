"""What the daemon can do, as one typed surface: the HTTP API and MCP call nothing else.

Every method is synchronous, thread-safe and may be called from several worker threads at once; each
raises `coco_core.errors.CocoError` and nothing else for what a caller did wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coco_core.configs import IndexingConfig
from coco_protocol.configs import ConfigBody, ConfigList
from coco_protocol.docs import (
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
from coco_protocol.jobs import JobBody, JobEvent, JobList
from coco_protocol.projects import (
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
    StatsData,
)

__all__ = ["LocalService"]


class LocalService(Protocol):
    """The daemon's operations. ``project_id`` is what the header said, or None."""

    def health(self) -> HealthData: ...

    def stats(self) -> StatsData: ...

    def register(self, request: RegisterRequest) -> RegisterData: ...

    def projects(self) -> ProjectList: ...

    def project(self, project_id: str) -> ProjectBody: ...

    def resolve_project(self, project_id: str | None, path: str | None) -> str:
        """Return the id of the named project, of the innermost one around ``path``, or the only one.

        Raises:
            ProjectNotFound: nothing fits, or several do and none was named.
        """
        ...

    def forget(self, project_id: str) -> ProjectBody: ...

    def rescan(self, project_id: str) -> RescanData: ...

    def import_paths(self, request: ImportRequest) -> ImportData: ...

    def index(self, request: IndexRequest, project_id: str | None) -> ImportData: ...

    def query(
        self, request: QueryRequest, project_id: str | None
    ) -> tuple[QueryMeta, QueryData]: ...

    def related(
        self, request: RelatedRequest, project_id: str | None
    ) -> tuple[QueryMeta, QueryData]: ...

    def outline(self, doc_id: str, project_id: str | None, path: str | None) -> OutlineData: ...

    def grep(self, request: GrepRequest, project_id: str | None) -> GrepData: ...

    def read(self, request: ReadRequest, project_id: str | None) -> ReadData: ...

    def explain_path(self, path: str) -> ExplainPathData: ...

    def jobs(self) -> JobList: ...

    def job(self, job_id: str) -> JobBody: ...

    def cancel_job(self, job_id: str) -> JobBody: ...

    def job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        """Return events with a sequence above ``after``; wait up to ``timeout`` seconds for one."""
        ...

    def configs(self) -> ConfigList: ...

    def config(self, config_id: str) -> ConfigBody: ...

    def add_config(self, config: IndexingConfig) -> ConfigBody: ...

    def prune(self, request: PruneRequest) -> PruneData: ...

    def request_shutdown(self) -> None:
        """Ask the daemon to stop; returns at once."""
        ...
