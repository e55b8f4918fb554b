"""What the routes work with, made once for a process: the composition root of the API service."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from coco_embed.choice import Embedders
from coco_protocol.server.system import PartHealth
from coco_server.api.admission import Admission
from coco_server.api.identity import Keyring
from coco_server.api.metrics import ServerMetrics
from coco_server.api.threads import Threads
from coco_server.jobs.wakeup import Doorbell, EventWatch, PostgresDoorbell, RedisDoorbell
from coco_server.search.service import SearchService
from coco_server.settings import Settings
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database

__all__ = ["Services", "build_services"]


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
    doorbell: Doorbell
    watch: EventWatch
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
        """Tell the workers of a job that was just enqueued; the queue has it in any case."""
        await self.threads.change(self.doorbell.ring, job_id)

    async def worker_health(self) -> list[PartHealth]:
        """Return the state of the workers that are called directly."""
        return []


def build_services(settings: Settings) -> Services:
    """Build what the settings describe; opens nothing yet."""
    database = Database(settings.meta_db, most=settings.db_connections, name="coco-server")
    threads = Threads(settings.db_connections)
    metrics = ServerMetrics()
    embedders = Embedders(settings.embedding)
    return Services(
        settings=settings,
        database=database,
        blobs=BlobStore(settings.blob_url),
        embedders=embedders,
        threads=threads,
        metrics=metrics,
        keyring=Keyring(settings, database),
        admission=Admission(settings, database, threads, metrics),
        search=SearchService(database, embedders),
        doorbell=_doorbell(settings),
        watch=EventWatch(settings.meta_db),
    )


def _doorbell(settings: Settings) -> Doorbell:
    if settings.queue_mode == "redis":
        assert settings.redis_url is not None, "checked with the settings"
        return RedisDoorbell(settings.redis_url, settings.redis_queue)
    return PostgresDoorbell(settings.meta_db)
