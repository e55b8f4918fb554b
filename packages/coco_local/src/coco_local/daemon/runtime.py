"""The composition root of local mode: every part of a daemon is built, started and closed here."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Literal, TypeVar

import psutil
import structlog

from coco_embed.static import StaticEmbedder
from coco_local.api.pools import query_threads
from coco_local.api.service import DaemonService
from coco_local.grammars.manager import GrammarManager
from coco_local.indexing.context import IndexContext
from coco_local.indexing.embedding_queue import EmbeddingQueue
from coco_local.indexing.gate import ForegroundGate
from coco_local.indexing.static_queue import StaticQueue
from coco_local.indexing.worker import IndexWorker
from coco_local.models.embedders import local_embedders
from coco_local.models.index_models import IndexModels
from coco_local.models.main_model import ModelService
from coco_local.models.rerankers import local_rerankers
from coco_local.monitoring.activity import Activity
from coco_local.monitoring.jobs import JobRegistry
from coco_local.operations import FUNCTIONS, Context
from coco_local.operations.store_maintenance import StoreMaintenance
from coco_local.projects.defaults import ProjectDefaults
from coco_local.projects.registry import ProjectRegistry
from coco_local.search.maps import Maps
from coco_local.search.parsed_files import ParsedFiles
from coco_local.search.service import QueryService
from coco_local.settings import Settings
from coco_local.store.database import Database
from coco_local.store.embeddings import EmbeddingCache
from coco_local.store.projects import ConfigStore
from coco_local.store.schema import KEPT, SCHEMA_VERSION, metadata
from coco_protocol.base import Answer, Request
from coco_protocol.jobs import JobEvent
from coco_protocol.operations import Operation

__all__ = ["LocalDaemon"]

log = structlog.get_logger(__name__)

# Bounds of the stop: together below the five seconds that a user waits for.
_WORKER_STOP_SECONDS = 2.5
_EMBED_STOP_SECONDS = 1.0
_GRAMMARS_STOP_SECONDS = 0.5


Q = TypeVar("Q", bound=Request)
A = TypeVar("A", bound=Answer)


class LocalDaemon(DaemonService):
    """Everything the daemon is made of; `start` returns quickly, the work is in threads."""

    def __init__(self, settings: Settings, mode: Literal["tui", "headless"] = "headless") -> None:
        settings.home.ensure()
        self.settings = settings
        self.stop_requested = threading.Event()
        self._activity = Activity()
        self._gate = ForegroundGate()
        self._database = Database(settings.meta_db, metadata, SCHEMA_VERSION, keep=KEPT)
        self._cache = EmbeddingCache(settings.meta_db.with_name("embeddings.db"))
        self._configs = ConfigStore(self._database)
        self._jobs = JobRegistry()
        self._embeddings = EmbeddingQueue(self._cache, self._activity, self._gate.wait_until_idle)
        static = StaticEmbedder()
        self._models = IndexModels(
            settings.model_name,
            static,
            local_embedders(settings, self._gate.wait_until_idle),
            self._activity,
            self._on_model,
        )
        self._statics = StaticQueue(static, self._gate.wait_until_idle)
        index_context = IndexContext(
            settings=settings,
            models=self._models,
            embeddings=self._embeddings,
            statics=self._statics,
            activity=self._activity,
            gate=self._gate,
            wake=self._wake,
            stopping=self.stop_requested,
        )
        self._registry = ProjectRegistry(self._database, self._configs, self._jobs, index_context)
        self._rerankers = local_rerankers(settings, at_once=max(1, query_threads() // 2))
        self._defaults = ProjectDefaults(self._registry, self._rerankers)
        self._grammars = GrammarManager(settings, self._activity, self._registry.indexers)
        self._worker = IndexWorker(self._registry.indexers, self._after_round)
        self._model = ModelService(
            settings, self._models, self._activity, self._gate.wait_until_idle
        )
        self._queries = QueryService(self._registry, self._activity, self._gate, self._rerankers)
        self._context = self._make_context(mode)

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
        self._rerankers.close()
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

    def call(self, operation: Operation[Q, A], request: Q) -> A:
        """Run one of local mode's operations."""
        return FUNCTIONS.call(self._context, operation, request)

    def wait_job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        """Return a job's events above ``after``; wait up to ``timeout`` seconds for the first."""
        return self._jobs.wait_events(job_id, after, timeout)

    def record_log(self, level: str, message: str) -> None:
        """Show a line of the log in the dashboard."""
        self._activity.log(level, message)

    def _make_context(self, mode: Literal["tui", "headless"]) -> Context:
        process = psutil.Process()
        # It returns the share of time since it was last asked.
        process.cpu_percent()
        return Context(
            settings=self.settings,
            mode=mode,
            started_at=time.time(),
            process=process,
            stop_requested=self.stop_requested,
            wake_worker=self._wake,
            registry=self._registry,
            defaults=self._defaults,
            configs=self._configs,
            jobs=self._jobs,
            queries=self._queries,
            parsed=ParsedFiles(),
            maps=Maps(),
            gate=self._gate,
            models=self._models,
            model=self._model,
            grammars=self._grammars,
            activity=self._activity,
            maintenance=StoreMaintenance(
                self._database, self._cache, self._registry, self.settings
            ),
        )

    def _on_model(self) -> None:
        self._registry.rebuild_changed_models()
        self._embeddings.wake()

    def _wake(self) -> None:
        self._worker.wake()

    def _after_round(self) -> None:
        held = any(indexer.backlog.is_large for indexer in self._registry.active())
        self._embeddings.hold(held=held)
        self._statics.hold(held=held)
        self._defaults.activate_completed()
