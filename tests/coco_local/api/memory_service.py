"""A `LocalService` over a dictionary: small, and strict about what it refuses."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

from coco_core.configs import DEFAULT_CONFIG, IndexingConfig
from coco_core.errors import (
    ConfigConflict,
    ConfigNotFound,
    Conflict,
    DocumentNotFound,
    PathRefused,
    ProjectNotFound,
)
from coco_local.jobs import Job, JobRegistry
from coco_protocol.configs import ChunkingBody, ConfigBody, ConfigList, EmbeddingBody
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.docs import (
    ChunkBody,
    ChunksData,
    DocumentBody,
    DocumentsData,
    GrepData,
    GrepMatch,
    GrepRequest,
    Hit,
    HitMeta,
    ImportData,
    ImportRequest,
    IndexRequest,
    OutlineData,
    OutlineSymbol,
    QueryData,
    QueryMeta,
    QueryRequest,
    ReadData,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.jobs import JobBody, JobEvent, JobList
from coco_protocol.projects import (
    IndexBody,
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
    LatencyStats,
    ModelBody,
    PruneData,
    PruneRequest,
    QueueStats,
    StatsData,
)

ROOT = "/projects/demo"
TEXT = "def greet(name):\n    return f'Hello, {name}'\n"


class MemoryService:
    """One project with one document; more can be registered below /projects."""

    def __init__(self) -> None:
        self.registry = JobRegistry()
        self.roots = {"demo": ROOT}
        self.files = {"demo": {"src/app.py": TEXT}}
        self.known_configs = {"default": (DEFAULT_CONFIG, 0.0)}
        self.adopted: dict[str, DefaultsRequest] = {}
        self.during_query: Callable[[], None] = lambda: None
        self.stopping = threading.Event()
        self.started_at = time.time()

    def health(self) -> HealthData:
        return HealthData(
            version="0.1.0",
            pid=os.getpid(),
            started_at=self.started_at,
            uptime_seconds=1.5,
            home="/home/demo/.coco",
            model=ModelBody(name="all-MiniLM-L6-v2", state="ready"),
            queues=QueueStats(files=2, chunks=3, jobs=self.registry.running()),
            projects=len(self.roots),
        )

    def stats(self) -> StatsData:
        return StatsData(
            health=self.health(),
            memory_bytes=1024,
            cpu_percent=0.5,
            index_bytes=2048,
            latency=LatencyStats(count=1, qps=0.1, p50_ms=4.0, p95_ms=8.0),
            stores={"rows": 7},
        )

    def register(self, request: RegisterRequest) -> RegisterData:
        self._inside(request.path)
        for project_id, root in self.roots.items():
            if root == request.path:
                return RegisterData(project_id=project_id, path=root, name=project_id)
        project_id = f"p{len(self.roots)}"
        self.roots[project_id] = request.path
        self.files[project_id] = {}
        return RegisterData(
            project_id=project_id, path=request.path, name=request.name or "", created=True
        )

    def projects(self) -> ProjectList:
        return ProjectList(projects=[self.project(project_id) for project_id in list(self.roots)])

    def project(self, project_id: str) -> ProjectBody:
        if project_id not in self.roots:
            raise ProjectNotFound(
                f"There is no project {project_id!r}.", hint="List them with: coco projects"
            )
        return ProjectBody(
            project_id=project_id, name=project_id, root=self.roots[project_id], state="ready"
        )

    def resolve_project(self, project_id: str | None, path: str | None) -> str:
        if path is not None:
            self._inside(path)
        return self.project(project_id or "demo").project_id

    def forget(self, project_id: str) -> ProjectBody:
        body = self.project(project_id)
        del self.roots[project_id], self.files[project_id]
        return body

    def indexes(self, project_id: str) -> IndexList:
        body = self.project(project_id)
        config = self.config(body.config_id)
        only = IndexBody(
            config_id=config.config_id, fingerprint=config.fingerprint, active=True, state="ready"
        )
        return IndexList(indexes=[only])

    def drop_index(self, project_id: str, config_id: str) -> IndexList:
        left = self.indexes(project_id)
        if config_id == left.indexes[0].config_id:
            raise Conflict(f"{config_id!r} is the index that answers.")
        raise ConfigNotFound(f"There is no index under {config_id!r}.")

    def defaults(self, project_id: str) -> DefaultsBody:
        known = self.adopted.get(self.project(project_id).project_id, DefaultsRequest())
        return DefaultsBody(
            project_id=project_id,
            indexing_config_id=known.indexing_config_id or "default",
            query_config_id=known.query_config_id,
            retrieval_config=known.retrieval_config,
        )

    def set_defaults(self, project_id: str, request: DefaultsRequest) -> DefaultsBody:
        self.config(request.indexing_config_id or "default")
        self.adopted[self.project(project_id).project_id] = request
        return self.defaults(project_id)

    def rescan(self, project_id: str) -> RescanData:
        return RescanData(job_id=self._job(self.project(project_id).project_id))

    def import_paths(self, request: ImportRequest) -> ImportData:
        made = [self.register(RegisterRequest(path=path)) for path in request.paths]
        ids = [data.project_id for data in made]
        return ImportData(project_ids=ids, job_ids=[self._job(project_id) for project_id in ids])

    def index(self, request: IndexRequest, project_id: str | None) -> ImportData:
        chosen = self.resolve_project(project_id, request.path)
        self.config(request.indexing_config_id or "default")
        return ImportData(project_ids=[chosen], job_ids=[self._job(chosen)])

    def query(self, request: QueryRequest, project_id: str | None) -> tuple[QueryMeta, QueryData]:
        chosen = self.resolve_project(project_id, request.path)
        self.during_query()
        hits = [
            Hit(
                meta=HitMeta(score=0.85, vector=0.81, fts=12.4),
                chunk=ChunkBody(
                    chunk_id="c1",
                    doc_id=doc_id,
                    path=doc_id,
                    start_line=1,
                    end_line=text.count("\n"),
                    language="python",
                    kind="function",
                    symbol="greet",
                    content=text,
                ),
            )
            for doc_id, text in self.files[chosen].items()
            if any(word in text for word in request.query.split())
        ]
        meta = QueryMeta(project_id=chosen, tier="transformer", took_ms={"search": 0.1})
        return meta, QueryData(results=hits, empty_reason=None if hits else "no_match")

    def related(
        self, request: RelatedRequest, project_id: str | None
    ) -> tuple[QueryMeta, QueryData]:
        return self.query(QueryRequest(query="def", path=request.path), project_id)

    def outline(self, doc_id: str, project_id: str | None, path: str | None) -> OutlineData:
        self._text(doc_id, project_id, path)
        symbol = OutlineSymbol(symbol="greet", kind="function", line=1, end_line=2)
        return OutlineData(doc_id=doc_id, language="python", symbols=[symbol])

    def documents(
        self, project_id: str | None, path: str | None, after: str, limit: int
    ) -> DocumentsData:
        files = self.files[self.resolve_project(project_id, path)]
        found = [
            DocumentBody(
                doc_id=doc_id, language="python", size=len(text), content_hash=text, chunks=1
            )
            for doc_id, text in sorted(files.items())
            if doc_id > after
        ]
        more = found[limit - 1].doc_id if len(found) > limit else None
        return DocumentsData(documents=found[:limit], next_after=more)

    def chunks(self, doc_id: str, project_id: str | None, path: str | None) -> ChunksData:
        self._text(doc_id, project_id, path)
        return ChunksData(doc_id=doc_id, language="python", chunks=[])

    def grep(self, request: GrepRequest, project_id: str | None) -> GrepData:
        chosen = self.resolve_project(project_id, request.path)
        return GrepData(
            matches=[
                GrepMatch(path=doc_id, line=number, text=line)
                for doc_id, text in self.files[chosen].items()
                for number, line in enumerate(text.splitlines(), 1)
                if request.pattern in line
            ]
        )

    def read(self, request: ReadRequest, project_id: str | None) -> ReadData:
        lines = self._text(request.doc_id, project_id, request.path).splitlines(keepends=True)
        end = min(request.end_line or len(lines), len(lines))
        return ReadData(
            doc_id=request.doc_id,
            start_line=request.start_line,
            end_line=end,
            total_lines=len(lines),
            language="python",
            content="".join(lines[request.start_line - 1 : end]),
        )

    def explain_path(self, path: str) -> ExplainPathData:
        self._inside(path)
        return ExplainPathData(path=path, project_id="demo", indexed=True, reason="tracked")

    def jobs(self) -> JobList:
        return self.registry.list()

    def job(self, job_id: str) -> JobBody:
        return self.registry.get(job_id).body()

    def cancel_job(self, job_id: str) -> JobBody:
        job = self.registry.get(job_id)
        job.cancel()
        return job.body()

    def job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        return self.registry.wait_events(job_id, after, timeout)

    def configs(self) -> ConfigList:
        return ConfigList(configs=[self.config(config_id) for config_id in self.known_configs])

    def config(self, config_id: str) -> ConfigBody:
        if config_id not in self.known_configs:
            raise ConfigNotFound(f"There is no config {config_id!r}.")
        config, created_at = self.known_configs[config_id]
        fields = config.to_dict()
        return ConfigBody(
            config_id=config_id,
            fingerprint=config.fingerprint,
            chunking=ChunkingBody.model_validate(fields["chunking"]),
            embedding=EmbeddingBody.model_validate(fields["embedding"]),
            created_at=created_at,
        )

    def add_config(self, config: IndexingConfig) -> ConfigBody:
        known, _ = self.known_configs.setdefault(config.config_id, (config, time.time()))
        if known != config:
            raise ConfigConflict(f"The config {config.config_id!r} exists with other content.")
        return self.config(config.config_id)

    def prune(self, request: PruneRequest) -> PruneData:
        return PruneData(dry_run=request.dry_run)

    def request_shutdown(self) -> None:
        self.stopping.set()

    def start_job(self) -> Job:
        """Return a job that runs until the test ends it."""
        job = self.registry.create("index", "demo")
        job.enter("scan", 10)
        return job

    def _job(self, project_id: str) -> str:
        job = self.registry.create("index", project_id)
        job.finish()
        return job.job_id

    def _text(self, doc_id: str, project_id: str | None, path: str | None) -> str:
        chosen = self.resolve_project(project_id, path)
        if ".." in doc_id.split("/") or doc_id.startswith("/"):
            raise PathRefused(
                f"{doc_id!r} leaves the project.", hint="Name a file relative to the project."
            )
        text = self.files[chosen].get(doc_id)
        if text is None:
            raise DocumentNotFound(f"There is no document {doc_id!r} in {chosen!r}.")
        return text

    def _inside(self, path: str) -> None:
        if not os.path.normpath(path).startswith("/projects/"):
            raise PathRefused(f"{path!r} is outside every project.", hint="Import it first.")
