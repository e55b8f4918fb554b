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
from coco_embed.static import StaticEmbedder
from coco_local import __version__
from coco_local.activity import Activity
from coco_local.adoption import Adoption
from coco_local.daemon.bodies import config_body, index_list, missing_vectors, project_body
from coco_local.daemon.upkeep import Upkeep
from coco_local.embedders import local_embedders
from coco_local.grammars.keeper import GrammarKeeper
from coco_local.index.embedding import EmbeddingQueue
from coco_local.index.gate import QueryGate
from coco_local.index.indexer import ProjectIndexer
from coco_local.index.shared import Shared
from coco_local.index.static import StaticQueue
from coco_local.index.worker import IndexWorker
from coco_local.index_models import IndexModels
from coco_local.jobs import JobRegistry
from coco_local.model import ModelService
from coco_local.registry import ProjectRegistry, repositories
from coco_local.search.files import FileService
from coco_local.search.service import QueryService
from coco_local.service import LocalService
from coco_local.settings import Settings
from coco_local.store.database import Database
from coco_local.store.embeddings import EmbeddingCache
from coco_local.store.projects import ConfigStore
from coco_local.store.schema import KEPT, SCHEMA_VERSION, metadata
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
    QueueStats,
    StatsData,
)

__all__ = ["LocalDaemon"]

log = structlog.get_logger(__name__)

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
        self._database = Database(settings.meta_db, metadata, SCHEMA_VERSION, keep=KEPT)
        self._cache = EmbeddingCache(settings.meta_db.with_name("embeddings.db"))
        self._configs = ConfigStore(self._database)
        self._jobs = JobRegistry()
        self._embeddings = EmbeddingQueue(self._cache, self._activity, self._gate.yield_to_queries)
        static = StaticEmbedder()
        self._models = IndexModels(
            settings.model_name,
            static,
            local_embedders(settings, self._gate.yield_to_queries),
            self._activity,
            self._on_model,
        )
        self._statics = StaticQueue(static, self._gate.yield_to_queries)
        shared = Shared(
            settings=settings,
            models=self._models,
            embeddings=self._embeddings,
            statics=self._statics,
            activity=self._activity,
            gate=self._gate,
            wake=self._wake,
            stopping=self.stop_requested,
        )
        self._registry = ProjectRegistry(self._database, self._configs, self._jobs, shared)
        self._adoption = Adoption(self._registry)
        self._grammars = GrammarKeeper(settings, self._activity, self._registry.indexers)
        self._worker = IndexWorker(self._registry.indexers, self._after_round)
        self._model = ModelService(
            settings, self._models, self._activity, self._gate.yield_to_queries
        )
        self._queries = QueryService(self._registry, self._activity, self._gate)
        self._files = FileService(self._registry, self._gate)
        self._upkeep = Upkeep(self._database, self._cache, self._registry, settings)

    def start(self) -> None:
        """Open the registry and start the threads."""
        self._registry.open()
        for indexer in self._registry.indexers():
            indexer.request_rescan(self._jobs.create("rescan", indexer.project.project_id))
        self._grammars.start()
        self._worker.start()
        self._statics.start()
        self._embeddings.start()
        self._model.start()

    def close(self) -> None:
        """Finish the write in hand, flush, and close the stores."""
        self.stop_requested.set()
        self._queries.close()
        self._embeddings.request_stop()
        self._models.close()
        self._model.stop()
        self._grammars.stop(_GRAMMARS_STOP_SECONDS)
        self._statics.stop(_EMBED_STOP_SECONDS)
        self._embeddings.join(_EMBED_STOP_SECONDS)
        if not self._worker.stop(_WORKER_STOP_SECONDS):
            # The step in hand is not lost: what it did not write will be read from disk again.
            log.warning("index_worker_still_busy")
        for indexer in self._registry.indexers():
            indexer.close()
        self._cache.close()
        self._database.close()

    def _on_model(self) -> None:
        self._registry.note_embedders()
        self._embeddings.wake()

    def _wake(self) -> None:
        self._worker.wake()

    def _after_round(self) -> None:
        held = any(indexer.bulk for indexer in self._registry.active())
        self._embeddings.hold(held=held)
        self._statics.hold(held=held)
        self._adoption.settle()

    # --- the service about itself --------------------------------------------------------------

    def health(self) -> HealthData:
        """Answer whether and how the daemon lives."""
        indexers = self._registry.indexers()
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
                chunks=sum(missing_vectors(indexer) for indexer in indexers),
                jobs=self._jobs.running(),
            ),
            projects=len(self._registry.all()),
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
        found, created = self._registry.register(
            request.path, request.name, request.indexing_config_id, apart=request.apart
        )
        if created:
            self._registry.index_job(found.active)
            self._worker.wake()
        project = found.project
        return RegisterData(
            project_id=project.project_id,
            path=str(project.root),
            name=project.name,
            created=created,
        )

    def projects(self) -> ProjectList:
        """Answer all projects."""
        return ProjectList(projects=[project_body(p) for p in self._registry.all()])

    def project(self, project_id: str) -> ProjectBody:
        """Answer one project."""
        return project_body(self._registry.get(project_id))

    def resolve_project(self, project_id: str | None, path: str | None) -> str:
        """Answer which project is meant."""
        return self._registry.resolve(project_id, path).project.project_id

    def forget(self, project_id: str) -> ProjectBody:
        """Forget a project and remove its indexes; its files stay as they are."""
        project = self._registry.forget(project_id)
        body = project_body(project)
        for indexer in project.all():
            indexer.close()
            self._upkeep.remove_index(indexer)
        return body

    def indexes(self, project_id: str) -> IndexList:
        """Answer the indexes of a project."""
        return index_list(self._registry.get(project_id), self._upkeep)

    def drop_index(self, project_id: str, config_id: str) -> IndexList:
        """Remove an index that does not answer; returns those that are left."""
        project = self._registry.get(project_id)
        gone = self._registry.drop_index(project, config_id)
        if gone is not None:
            gone.close()
            self._upkeep.remove_index(gone)
        return index_list(project, self._upkeep)

    def defaults(self, project_id: str) -> DefaultsBody:
        """Answer what a project's queries take when they say nothing else."""
        return self._adoption.defaults(project_id)

    def set_defaults(self, project_id: str, request: DefaultsRequest) -> DefaultsBody:
        """Change what a project's queries take when they say nothing else."""
        body = self._adoption.adopt(project_id, request)
        self._worker.wake()
        return body

    def rescan(self, project_id: str) -> RescanData:
        """Compare a project with the disk."""
        job = self._registry.index_job(self._registry.get(project_id).active)
        self._worker.wake()
        return RescanData(job_id=job.job_id)

    def import_paths(self, request: ImportRequest) -> ImportData:
        """Register directories and index them."""
        paths = request.paths
        if request.recursive:
            found = [list(repositories(Path(path).expanduser())) for path in paths]
            paths = [str(root) for roots in found for root in roots] or paths
        config_id = request.indexing_config_id
        projects = [self._registry.register(path, config_id=config_id)[0] for path in paths]
        return self._start_jobs([self._registry.add_index(p, config_id) for p in projects])

    def index(self, request: IndexRequest, project_id: str | None) -> ImportData:
        """Bring an index up to date, or build it; anew on demand."""
        project = self._registry.resolve(request.project_id or project_id, request.path)
        if request.dry_run:
            project.named(request.indexing_config_id)
            return ImportData(project_ids=[project.project.project_id], job_ids=[])
        indexer = self._registry.add_index(project, request.indexing_config_id)
        if request.rebuild:
            indexer.files.parse_again()
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

    def documents(
        self, project_id: str | None, path: str | None, after: str, limit: int
    ) -> DocumentsData:
        """Answer a page of a project's documents."""
        return self._files.documents(project_id, path, after, limit)

    def chunks(self, doc_id: str, project_id: str | None, path: str | None) -> ChunksData:
        """Answer the chunks of a file."""
        return self._files.chunks(doc_id, project_id, path)

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
        return ConfigList(configs=[config_body(stored) for stored in self._configs.all()])

    def config(self, config_id: str) -> ConfigBody:
        """Answer one indexing config."""
        return config_body(self._configs.get(config_id))

    def add_config(self, config: IndexingConfig) -> ConfigBody:
        """Register an indexing config, if there is such a model."""
        self._models.dimension(config.embedding)
        return config_body(self._configs.add(config))


_: type[LocalService] = LocalDaemon
