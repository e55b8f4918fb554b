"""The composition root of local mode: every part is named here, and nowhere else.

`LocalDaemon` is what the HTTP API and MCP call (`coco_local.service.LocalService`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import structlog

from coco_core.configs import IndexingConfig
from coco_core.ports import Embedder
from coco_embed.static import StaticEmbedder
from coco_local import __version__
from coco_local.activity import Activity
from coco_local.daemon.upkeep import Upkeep
from coco_local.grammars.keeper import GrammarKeeper
from coco_local.index.embedding import EmbeddingQueue
from coco_local.index.gate import QueryGate
from coco_local.index.indexer import ProjectIndexer, Shared
from coco_local.index.static import StaticQueue
from coco_local.index.worker import IndexWorker
from coco_local.jobs import JobRegistry
from coco_local.model import ModelService
from coco_local.registry import ProjectRegistry, repositories, require_config
from coco_local.search.files import FileService
from coco_local.search.service import QueryService
from coco_local.service import LocalService
from coco_local.settings import Settings
from coco_local.store.database import Database
from coco_local.store.embeddings import EmbeddingCache
from coco_local.store.projects import ConfigStore, StoredConfig
from coco_local.store.schema import SCHEMA_VERSION, metadata, projects
from coco_protocol.configs import ChunkingBody, ConfigBody, ConfigList, EmbeddingBody
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
    SkippedFile,
)
from coco_protocol.system import (
    ExplainPathData,
    HealthData,
    PruneData,
    PruneRequest,
    QueueStats,
    StatsData,
)

__all__ = ["LocalDaemon"]

log = structlog.get_logger(__name__)

# Skipped files that are told with a project; all of them are counted.
_SKIPPED_SHOWN = 20

# Bounds of the stop: together below the five seconds that a user waits for.
_WORKER_STOP_SECONDS = 2.5
_EMBED_STOP_SECONDS = 1.0
_GRAMMARS_STOP_SECONDS = 0.5


class LocalDaemon:
    """Everything the daemon is made of; `start` returns quickly, the work is in threads."""

    def __init__(self, settings: Settings, mode: str = "headless") -> None:
        settings.home.ensure()
        self.settings = settings
        self.stop_requested = threading.Event()
        self._mode = mode
        self._started_at = time.time()
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._activity = Activity()
        self._gate = QueryGate()
        self._database = Database(settings.meta_db, metadata, SCHEMA_VERSION, keep=(projects,))
        self._cache = EmbeddingCache(settings.meta_db.with_name("embeddings.db"))
        self._configs = ConfigStore(self._database)
        self._jobs = JobRegistry()
        self._embeddings = EmbeddingQueue(self._cache, self._activity, self._gate.yield_to_queries)
        static = StaticEmbedder()
        self._statics = StaticQueue(static, self._gate.yield_to_queries)
        shared = Shared(
            settings=settings,
            embeddings=self._embeddings,
            statics=self._statics,
            activity=self._activity,
            gate=self._gate,
            wake=self._wake,
            stopping=self.stop_requested,
        )
        self._registry = ProjectRegistry(self._database, self._configs, self._jobs, shared)
        self._grammars = GrammarKeeper(settings, self._activity, self._registry.all)
        self._worker = IndexWorker(self._registry.all, self._hold_embedding)
        self._model = ModelService(
            settings, static, self._activity, self._gate.yield_to_queries, self._on_model
        )
        self._queries = QueryService(self._registry, self._model, self._activity, self._gate)
        self._files = FileService(self._registry, self._gate)
        self._upkeep = Upkeep(self._database, self._cache, self._registry, settings)

    def start(self) -> None:
        """Open the registry and start the threads."""
        self._registry.open()
        for indexer in self._registry.all():
            indexer.request_rescan(self._jobs.create("rescan", indexer.project.project_id))
        self._grammars.start()
        self._worker.start()
        self._statics.start()
        self._embeddings.start()
        self._model.start()

    def close(self) -> None:
        """Finish the write in hand, flush, and close the stores."""
        self.stop_requested.set()
        self._embeddings.request_stop()
        self._model.stop()
        self._grammars.stop(_GRAMMARS_STOP_SECONDS)
        self._statics.stop(_EMBED_STOP_SECONDS)
        self._embeddings.join(_EMBED_STOP_SECONDS)
        if not self._worker.stop(_WORKER_STOP_SECONDS):
            # The step in hand is not lost: what it did not write will be read from disk again.
            log.warning("index_worker_still_busy")
        for indexer in self._registry.all():
            indexer.close()
        self._cache.close()
        self._database.close()

    def _on_model(self, embedder: Embedder) -> None:
        self._embeddings.use(embedder)
        self._worker.wake()

    def _wake(self) -> None:
        self._worker.wake()

    def _hold_embedding(self) -> None:
        held = any(i.bulk for i in self._registry.all())
        self._embeddings.hold(held=held)
        self._statics.hold(held=held)

    # --- the service about itself --------------------------------------------------------------

    def health(self) -> HealthData:
        """Answer whether and how the daemon lives."""
        indexers = self._registry.all()
        return HealthData(
            version=__version__,
            pid=os.getpid(),
            started_at=self._started_at,
            uptime_seconds=round(time.time() - self._started_at, 3),
            home=str(self.settings.home.root),
            mode="tui" if self._mode == "tui" else "headless",
            model=self._model.body(),
            queues=QueueStats(
                files=sum(indexer.pending for indexer in indexers),
                chunks=sum(_missing_vectors(indexer) for indexer in indexers),
                jobs=self._jobs.running(),
            ),
            projects=len(indexers),
        )

    def stats(self) -> StatsData:
        """Answer what the dashboard shows."""
        return StatsData(
            health=self.health(),
            memory_bytes=self._process.memory_info().rss,
            cpu_percent=self._process.cpu_percent(),
            index_bytes=self._upkeep.index_bytes(),
            latency=self._activity.latency(),
            embedding_rate=self._activity.embedding_rate(),
            recent_queries=self._activity.recent_queries(),
            recent_files=self._activity.recent_files(),
            log=self._activity.log_lines(),
            grammars=self._grammars.bodies(),
            stores=self._upkeep.store_stats(),
        )

    def prune(self, request: PruneRequest) -> PruneData:
        """Remove what no project needs."""
        return self._upkeep.prune(request)

    def note_log(self, level: str, message: str) -> None:
        """Show a line of the log in the dashboard."""
        self._activity.log(level, message)

    def request_shutdown(self) -> None:
        """Ask the daemon to stop."""
        self.stop_requested.set()

    # --- projects ------------------------------------------------------------------------------

    def register(self, request: RegisterRequest) -> RegisterData:
        """Register a directory and index it in the background."""
        indexer, created = self._registry.register(request.path, request.name)
        if created:
            self._registry.index_job(indexer)
            self._worker.wake()
        project = indexer.project
        return RegisterData(
            project_id=project.project_id,
            path=str(project.root),
            name=project.name,
            created=created,
        )

    def projects(self) -> ProjectList:
        """Answer all projects."""
        return ProjectList(projects=[_project_body(i) for i in self._registry.all()])

    def project(self, project_id: str) -> ProjectBody:
        """Answer one project."""
        return _project_body(self._registry.get(project_id))

    def resolve_project(self, project_id: str | None, path: str | None) -> str:
        """Answer which project is meant."""
        return self._registry.resolve(project_id, path).project.project_id

    def forget(self, project_id: str) -> ProjectBody:
        """Forget a project and remove its index; its files stay as they are."""
        indexer = self._registry.forget(project_id)
        body = _project_body(indexer)
        indexer.close()
        self._upkeep.remove_index(indexer)
        return body

    def rescan(self, project_id: str) -> RescanData:
        """Compare a project with the disk."""
        job = self._registry.index_job(self._registry.get(project_id))
        self._worker.wake()
        return RescanData(job_id=job.job_id)

    def import_paths(self, request: ImportRequest) -> ImportData:
        """Register directories and index them."""
        paths = request.paths
        if request.recursive:
            found = [list(repositories(Path(path).expanduser())) for path in paths]
            paths = [str(root) for roots in found for root in roots] or paths
        indexers = [
            self._registry.register(path, config_id=request.indexing_config_id)[0] for path in paths
        ]
        return self._start_jobs(indexers)

    def index(self, request: IndexRequest, project_id: str | None) -> ImportData:
        """Bring a project up to date, or build it anew."""
        indexer = self._registry.resolve(request.project_id or project_id, request.path)
        require_config(indexer, request.indexing_config_id)
        if request.dry_run:
            return ImportData(project_ids=[indexer.project.project_id], job_ids=[])
        if request.rebuild:
            indexer.request_rebuild()
        return self._start_jobs([indexer])

    def _start_jobs(self, indexers: Sequence[ProjectIndexer]) -> ImportData:
        jobs = [self._registry.index_job(indexer) for indexer in indexers]
        self._worker.wake()
        return ImportData(
            project_ids=[indexer.project.project_id for indexer in indexers],
            job_ids=[job.job_id for job in jobs],
        )

    def explain_path(self, path: str) -> ExplainPathData:
        """Answer why a path is or is not indexed."""
        return self._files.explain(path)

    # --- answers -------------------------------------------------------------------------------

    def query(self, request: QueryRequest, project_id: str | None) -> tuple[QueryMeta, QueryData]:
        """Answer a question."""
        return self._queries.query(request, project_id)

    def related(
        self, request: RelatedRequest, project_id: str | None
    ) -> tuple[QueryMeta, QueryData]:
        """Answer with chunks like a given one."""
        return self._queries.related(request, project_id)

    def outline(self, doc_id: str, project_id: str | None, path: str | None) -> OutlineData:
        """Answer the symbols of a file."""
        return self._files.outline(doc_id, project_id, path)

    def grep(self, request: GrepRequest, project_id: str | None) -> GrepData:
        """Answer matching lines."""
        return self._files.grep(request, project_id)

    def read(self, request: ReadRequest, project_id: str | None) -> ReadData:
        """Answer lines of a file."""
        return self._files.read(request, project_id)

    # --- jobs and configs ----------------------------------------------------------------------

    def jobs(self) -> JobList:
        """Answer all jobs."""
        return self._jobs.list()

    def job(self, job_id: str) -> JobBody:
        """Answer one job."""
        return self._jobs.get(job_id).body()

    def cancel_job(self, job_id: str) -> JobBody:
        """Ask a job to stop."""
        job = self._jobs.get(job_id)
        job.cancel()
        self._worker.wake()
        return job.body()

    def job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        """Answer what a job said."""
        return self._jobs.wait_events(job_id, after, timeout)

    def configs(self) -> ConfigList:
        """Answer all indexing configs."""
        return ConfigList(configs=[_config_body(stored) for stored in self._configs.all()])

    def config(self, config_id: str) -> ConfigBody:
        """Answer one indexing config."""
        return _config_body(self._configs.get(config_id))

    def add_config(self, config: IndexingConfig) -> ConfigBody:
        """Register an indexing config."""
        return _config_body(self._configs.add(config))


_: type[LocalService] = LocalDaemon


def _missing_vectors(indexer: ProjectIndexer) -> int:
    memory = indexer.index.memory
    return memory.chunk_count - memory.embedded_count


def _project_body(indexer: ProjectIndexer) -> ProjectBody:
    memory = indexer.index.memory
    skipped = sorted(indexer.skipped.items())
    watch = indexer.watch
    return ProjectBody(
        project_id=indexer.project.project_id,
        name=indexer.project.name,
        root=str(indexer.project.root),
        state=indexer.state,
        config_id=indexer.project.config_id,
        files=len(memory.documents),
        files_total=indexer.files_total,
        chunks=memory.chunk_count,
        embedded=memory.embedded_count,
        pending_files=indexer.pending,
        skipped=len(skipped),
        skipped_files=[
            SkippedFile(path=path, reason=reason) for path, reason in skipped[:_SKIPPED_SHOWN]
        ],
        watch=watch.mode.value,
        watch_hint=watch.hint,
        indexed_at=indexer.indexed_at,
        error=indexer.error,
    )


def _config_body(stored: StoredConfig) -> ConfigBody:
    config = stored.config
    data = config.to_dict()
    return ConfigBody(
        config_id=config.config_id,
        fingerprint=config.fingerprint,
        chunking=ChunkingBody.model_validate(data["chunking"]),
        embedding=EmbeddingBody.model_validate(data["embedding"]),
        created_at=stored.created_at,
    )
