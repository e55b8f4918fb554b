"""What the daemon can do, as one typed surface: the HTTP API and MCP call nothing else.

Every method is synchronous, thread-safe and may be called from several worker threads at once; each
raises `coco_core.errors.CocoError` and nothing else for what a caller did wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coco_core.configs import IndexingConfig
from coco_protocol.configs import ConfigBody, ConfigList
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
    StatsData,
)

__all__ = ["LocalService"]


class LocalService(Protocol):
    """The daemon's operations. ``project_id`` is what the header said, or None."""

    def health(self) -> HealthData:
        """Say what runs here and in which state; quick, and right even while stores are busy."""
        ...

    def stats(self) -> StatsData:
        """Return what the TUI and the metrics show."""
        ...

    def register(self, request: RegisterRequest) -> RegisterData:
        """Return the project of a directory, made if it is not registered yet."""
        ...

    def projects(self) -> ProjectList:
        """Return all projects, by name."""
        ...

    def project(self, project_id: str) -> ProjectBody:
        """Return one project with the state of its index."""
        ...

    def resolve_project(self, project_id: str | None, path: str | None) -> str:
        """Return the id of the named project, of the innermost around ``path``, or the only one.

        Raises:
            ProjectNotFound: nothing fits, or several do and none was named.
        """
        ...

    def forget(self, project_id: str) -> ProjectBody:
        """Remove a project with its indexes; files on disk stay."""
        ...

    def indexes(self, project_id: str) -> IndexList:
        """Return the indexes of a project, the active one first."""
        ...

    def drop_index(self, project_id: str, config_id: str) -> IndexList:
        """Remove an index that is not the active one; returns those that are left."""
        ...

    def defaults(self, project_id: str) -> DefaultsBody:
        """Return what a project's queries take when they say nothing else."""
        ...

    def set_defaults(self, project_id: str, request: DefaultsRequest) -> DefaultsBody:
        """Change that: the index that answers, and the retrieval config."""
        ...

    def rescan(self, project_id: str) -> RescanData:
        """Look for changes that the watcher missed, as a job."""
        ...

    def import_paths(self, request: ImportRequest) -> ImportData:
        """Register directories and start the jobs that index them."""
        ...

    def index(self, request: IndexRequest, project_id: str | None) -> ImportData:
        """Start a job that brings an index up to date, or builds it beside the active one."""
        ...

    def query(self, request: QueryRequest, project_id: str | None) -> tuple[QueryMeta, QueryData]:
        """Answer a query; the hits are as they stand on disk now."""
        ...

    def related(
        self, request: RelatedRequest, project_id: str | None
    ) -> tuple[QueryMeta, QueryData]:
        """Return chunks like the named one."""
        ...

    def outline(self, doc_id: str, project_id: str | None, path: str | None) -> OutlineData:
        """Return the symbols or headings of a file, in order."""
        ...

    def documents(
        self, project_id: str | None, path: str | None, after: str, limit: int
    ) -> DocumentsData:
        """Return a page of a project's documents: those whose ids come after ``after``."""
        ...

    def chunks(self, doc_id: str, project_id: str | None, path: str | None) -> ChunksData:
        """Return the chunks of a file, cut now as the index cuts."""
        ...

    def grep(self, request: GrepRequest, project_id: str | None) -> GrepData:
        """Search the text of the project's files as they are now."""
        ...

    def read(self, request: ReadRequest, project_id: str | None) -> ReadData:
        """Return lines of a project's file from disk."""
        ...

    def explain_path(self, path: str) -> ExplainPathData:
        """Say why a path is or is not indexed."""
        ...

    def jobs(self) -> JobList:
        """Return all jobs, newest first."""
        ...

    def job(self, job_id: str) -> JobBody:
        """Return one job with its progress."""
        ...

    def cancel_job(self, job_id: str) -> JobBody:
        """Ask a job to stop after the write in hand; a finished one stays as it is."""
        ...

    def job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        """Return events with a sequence above ``after``; wait up to ``timeout`` seconds for one."""
        ...

    def configs(self) -> ConfigList:
        """Return all indexing configs, oldest first."""
        ...

    def config(self, config_id: str) -> ConfigBody:
        """Return one indexing config."""
        ...

    def add_config(self, config: IndexingConfig) -> ConfigBody:
        """Register a config; the same id with other content is a `ConfigConflict`."""
        ...

    def prune(self, request: PruneRequest) -> PruneData:
        """Remove what no project needs any more."""
        ...

    def request_shutdown(self) -> None:
        """Ask the daemon to stop; returns at once."""
        ...
