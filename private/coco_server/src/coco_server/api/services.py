"""What the routes work with, made once for a process: the composition root of the API service."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from coco_embed.choice import Embedders
from coco_protocol.server.system import PartHealth, PartState
from coco_server.api.admission import Admission
from coco_server.api.identity import Keyring
from coco_server.api.metrics import ServerMetrics
from coco_server.api.threads import Threads
from coco_server.jobs.wakeup import Doorbell, EventWatch, PostgresDoorbell, RedisDoorbell
from coco_server.rpc.link import LinkStatus
from coco_server.rpc.links import WorkerLinks
from coco_server.rpc.tls import RpcTls
from coco_server.search.backend import executor_for
from coco_server.search.service import SearchService
from coco_server.settings import Settings
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_server.store.vector_backend import open_vectors
from coco_server.store.vectors import VectorStore

__all__ = ["Services", "build_services"]

_WORKER_STATES: Mapping[LinkStatus, PartState] = {
    LinkStatus.READY: "ok",
    LinkStatus.DRAINING: "ok",
    LinkStatus.UNREACHABLE: "missing",
    LinkStatus.VERSION_MISMATCH: "mismatch",
}


@dataclass(slots=True)
class Services:
    """Everything that outlives a request."""

    settings: Settings
    database: Database
    blobs: BlobStore
    embedders: Embedders
    threads: Threads
    metrics: ServerMetrics
    keyring: Keyring
    admission: Admission
    search: SearchService
    vectors: VectorStore
    doorbell: Doorbell
    watch: EventWatch
    links: WorkerLinks
    started_at: float = field(default_factory=time.time)
    stopping: bool = False

    def open(self) -> None:
        """Connect to the database, and begin to hear of jobs' events."""
        self.database.open()
        self.watch.start()

    def close(self) -> None:
        """Let go of everything."""
        self.watch.close()
        self.doorbell.close()
        self.search.close()
        self.embedders.close()
        self.database.close()

    async def dispatch(self, job_id: str) -> None:
        """Hand a job to a worker that is called directly, or wake those that look into the queue.

        The queue has the job in any case.
        """
        if not (self.links and await self.links.submit(job_id)):
            await self.threads.change(self.doorbell.ring, job_id)

    async def recall(self, job_id: str) -> None:
        """Tell the worker that has a job to stop now; its heartbeat tells it in any case."""
        if self.links:
            await self.links.cancel(job_id)
        else:
            await self.threads.change(self.doorbell.ring, job_id)

    async def worker_health(self) -> list[PartHealth]:
        """Return the state of the workers that are called directly; numbered, not named."""
        states = await self.links.states()
        return [
            PartHealth(
                name=f"worker {number}",
                state=_WORKER_STATES[state.status],
                version=state.version or None,
                detail=state.detail,
            )
            for number, state in enumerate(states, 1)
        ]


def build_services(settings: Settings) -> Services:
    """Build what the settings describe; opens nothing yet."""
    database = Database(settings.meta_db, most=settings.db_connections, name="coco-server")
    threads = Threads(settings.db_connections)
    metrics = ServerMetrics()
    embedders = Embedders(settings.embedding)
    vectors = open_vectors(
        settings.vector_backend,
        url=settings.vector_db_url,
        prefix=settings.vector_db_collection_prefix,
        api_key=settings.vector_db_api_key,
    )
    return Services(
        settings=settings,
        database=database,
        blobs=BlobStore(settings.blob_url),
        embedders=embedders,
        threads=threads,
        metrics=metrics,
        keyring=Keyring(settings, database),
        admission=Admission(settings, database, threads, metrics),
        search=SearchService(database, embedders, executor_for(vectors)),
        vectors=vectors,
        doorbell=_doorbell(settings),
        watch=EventWatch(settings.meta_db),
        links=WorkerLinks(
            settings.worker_addr,
            RpcTls(settings.worker_tls_ca, settings.worker_tls_cert, settings.worker_tls_key),
        ),
    )


def _doorbell(settings: Settings) -> Doorbell:
    if settings.queue_mode == "redis":
        assert settings.redis_url is not None, "checked with the settings"
        return RedisDoorbell(settings.redis_url, settings.redis_queue)
    return PostgresDoorbell(settings.meta_db)
