"""Local mode's operations: the table that its service, clients, API and tests share."""

from __future__ import annotations

from coco_protocol.base import EmptyRequest
from coco_protocol.code import (
    FilesData,
    FilesRequest,
    MapData,
    MapRequest,
    NamesData,
    NamesRequest,
    SymbolData,
    SymbolRequest,
)
from coco_protocol.configs import ConfigBody, ConfigIdRequest, ConfigList, ConfigRequest
from coco_protocol.defaults import AdoptRequest, DefaultsBody
from coco_protocol.docs import (
    ChunksData,
    DocumentRequest,
    DocumentsData,
    DocumentsRequest,
    ImportData,
    ImportRequest,
    IndexRequest,
    OutlineData,
    QueryEnvelope,
    QueryRequest,
    ReadData,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.grep import GrepData, GrepRequest
from coco_protocol.jobs import JobBody, JobList, JobRequest
from coco_protocol.operations import Operation, Service
from coco_protocol.projects import (
    DropIndexRequest,
    IndexList,
    ProjectBody,
    ProjectList,
    ProjectRequest,
    RegisterData,
    RegisterRequest,
    RescanData,
)
from coco_protocol.system import (
    ExplainPathData,
    ExplainRequest,
    HealthData,
    PruneData,
    PruneRequest,
    ShutdownData,
    StatsData,
)

__all__ = ["LocalService"]


class LocalService(Service):
    """What local mode can be asked.

    A request that has an optional ``project_id`` may name the project in a header instead; the
    project is then that one, the innermost around ``path``, or the only one.
    """

    # Retrieval.

    query = Operation(
        "POST /v1/docs/query",
        QueryRequest,
        QueryEnvelope,
        "Search a project by meaning and by words; hits are as they stand on disk now.",
        lane="query",
    )
    related = Operation(
        "POST /v1/docs/related",
        RelatedRequest,
        QueryEnvelope,
        "Return chunks like the one at a line, or like the one with an id.",
        lane="query",
    )
    outline = Operation(
        "GET /v1/docs/outline",
        DocumentRequest,
        OutlineData,
        "List the symbols or headings of a file, in order.",
        lane="query",
    )
    documents = Operation(
        "GET /v1/docs/list",
        DocumentsRequest,
        DocumentsData,
        "List the documents of a project's index by id, each with its content hash.",
        lane="query",
    )
    chunks = Operation(
        "GET /v1/docs/chunks",
        DocumentRequest,
        ChunksData,
        "Return the chunks of a file as it is on disk now, by the project's config.",
        lane="query",
    )
    grep = Operation(
        "POST /v1/docs/grep",
        GrepRequest,
        GrepData,
        "Search the text of a project's files as they are now.",
        lane="query",
    )
    read = Operation(
        "POST /v1/docs/read",
        ReadRequest,
        ReadData,
        "Return lines of a project's file from disk.",
        lane="query",
    )

    # Code intelligence.

    symbol = Operation(
        "POST /v1/docs/symbol",
        SymbolRequest,
        SymbolData,
        "Find where a name is defined, where it is used, or who calls it, from the parser.",
        lane="query",
    )
    names = Operation(
        "GET /v1/docs/names",
        NamesRequest,
        NamesData,
        "List the names that a project defines and that begin in a given way.",
        lane="query",
    )
    files = Operation(
        "POST /v1/docs/files",
        FilesRequest,
        FilesData,
        "List files by path globs, language, or what differs from a git revision.",
        lane="query",
    )
    map = Operation(
        "POST /v1/docs/map",
        MapRequest,
        MapData,
        "Show a tree of files with their main definitions within a token budget.",
        lane="query",
    )

    # Indexing.

    import_paths = Operation(
        "POST /v1/docs/import",
        ImportRequest,
        ImportData,
        "Register directories and index them; the answer names the jobs.",
    )
    index = Operation(
        "POST /v1/docs/index",
        IndexRequest,
        ImportData,
        "Bring a project's index up to date, or build it anew; the answer names the job.",
    )

    # Projects.

    register = Operation(
        "POST /v1/sys/register",
        RegisterRequest,
        RegisterData,
        "Register a directory; a new one is indexed in the background, a known one stays as is.",
        tag="projects",
    )
    projects = Operation(
        "GET /v1/projects",
        EmptyRequest,
        ProjectList,
        "List all projects with the state of their indexes.",
    )
    project = Operation(
        "GET /v1/projects/{project_id}",
        ProjectRequest,
        ProjectBody,
        "Return one project with the state of its index.",
    )
    forget = Operation(
        "DELETE /v1/projects/{project_id}",
        ProjectRequest,
        ProjectBody,
        "Remove a project and its indexes; its files stay.",
    )
    rescan = Operation(
        "POST /v1/projects/{project_id}/rescan",
        ProjectRequest,
        RescanData,
        "Look now for changes that the watcher missed.",
    )
    indexes = Operation(
        "GET /v1/projects/{project_id}/indexes",
        ProjectRequest,
        IndexList,
        "List the indexes of a project with state and size, the active one first.",
    )
    drop_index = Operation(
        "DELETE /v1/projects/{project_id}/indexes/{config_id}",
        DropIndexRequest,
        IndexList,
        "Remove an index that is not the active one; the answer lists those that are left.",
    )
    defaults = Operation(
        "GET /v1/projects/{project_id}/defaults",
        ProjectRequest,
        DefaultsBody,
        "Return the project's defaults: active index, and values for what queries leave out.",
    )
    adopt = Operation(
        "PUT /v1/projects/{project_id}/defaults",
        AdoptRequest,
        DefaultsBody,
        "Change the project's defaults; a new index becomes active when it is complete.",
    )

    # Background work.

    jobs = Operation(
        "GET /v1/jobs",
        EmptyRequest,
        JobList,
        "List all jobs, newest first.",
    )
    job = Operation(
        "GET /v1/jobs/{job_id}",
        JobRequest,
        JobBody,
        "Return one job with its progress.",
    )
    cancel_job = Operation(
        "DELETE /v1/jobs/{job_id}",
        JobRequest,
        JobBody,
        "Ask a job to stop; what it has written stays and is consistent.",
    )

    # The service itself.

    health = Operation(
        "GET /v1/sys/health",
        EmptyRequest,
        HealthData,
        "Report version and state of the service; needs no key.",
    )
    stats = Operation(
        "GET /v1/sys/stats",
        EmptyRequest,
        StatsData,
        "Return the statistics that the dashboard shows.",
    )
    configs = Operation(
        "GET /v1/sys/configs",
        EmptyRequest,
        ConfigList,
        "List the indexing configs, oldest first.",
    )
    add_config = Operation(
        "POST /v1/sys/configs",
        ConfigRequest,
        ConfigBody,
        "Register an indexing config; the same id with other content is a conflict.",
    )
    config = Operation(
        "GET /v1/sys/configs/{config_id}",
        ConfigIdRequest,
        ConfigBody,
        "Return one indexing config.",
    )
    prune = Operation(
        "POST /v1/sys/prune",
        PruneRequest,
        PruneData,
        "Remove embeddings and indexes that nothing needs any more.",
    )
    explain = Operation(
        "GET /v1/sys/explain",
        ExplainRequest,
        ExplainPathData,
        "Say why a path is or is not indexed.",
    )
    shutdown = Operation(
        "POST /v1/sys/shutdown",
        EmptyRequest,
        ShutdownData,
        "Stop the daemon; only for programs on its own machine.",
        lane="status",
        own_machine=True,
    )
