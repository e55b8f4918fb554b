"""Worker program: composition, start, and graceful stop."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from functools import partial

import structlog
from prometheus_client import start_http_server

from coco_embed.resolver import Embedders
from coco_server.edge.probes import ProbeServer
from coco_server.jobs.notifier import JobNotifier, open_notifier
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import open_checked
from coco_server.store.preflight import refuse_embedded
from coco_server.store.session import Database
from coco_server.store.usage import quotas_of
from coco_server.store.vector_backend import open_vectors
from coco_worker.pipeline import IngestDeps
from coco_worker.rpc.server import RpcServer
from coco_worker.rpc.service import WorkerService
from coco_worker.settings import WorkerSettings
from coco_worker.state import WorkerState
from coco_worker.worker import Worker

__all__ = ["run"]

log = structlog.get_logger(__name__)

# A wait for the notifier is ended by closing it; this bounds what happens when it is not heard.
_WAIT_SECONDS = 5.0


# As when a thread does not end: work was left to its lease.
_ENDED_AT_ONCE = 3


def run(settings: WorkerSettings) -> bool:
    """Work until SIGTERM or SIGINT; returns whether every job was ended or given back.

    Raises:
        CocoError: the database, the blob store or the port cannot be used.
    """
    stop = threading.Event()
    _end_on_signals(stop)
    refuse_embedded(settings.meta_db, settings.vector_db_url)
    with ExitStack() as opened:
        state = WorkerState()
        if settings.worker_probe_port is not None:
            probes = ProbeServer(
                settings.worker_probe_host,
                settings.worker_probe_port,
                live=state.live,
                ready=state.ready,
                started=state.started,
            )
            opened.callback(probes.close)
            probes.start()
            log.info("worker_probes", port=probes.port)
        for warning in open_checked(settings.meta_db):
            log.warning("database_warning", text=warning)
        deps = _deps(settings, opened)
        worker = Worker(
            deps,
            slots=settings.worker_slots,
            lease_seconds=settings.worker_lease_seconds,
            poll_seconds=settings.worker_poll_seconds,
        )
        service = WorkerService(worker, deps.database, deps.embedders)
        opened.callback(service.close)
        server = RpcServer(
            service,
            host=settings.worker_host,
            port=settings.worker_port,
            tls=settings.tls,
            insecure=settings.insecure,
        )
        if settings.worker_metrics_port is not None:
            metrics, thread = start_http_server(
                settings.worker_metrics_port, addr=settings.worker_host
            )
            opened.callback(thread.join)
            opened.callback(metrics.shutdown)
        state.begin(worker, deps.database)
        return _serve(settings, worker, server, stop)


def _end_on_signals(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT set ``stop``; a second one ends the process where it is."""

    def handle(_number: int, _frame: object) -> None:
        if stop.is_set():
            # The lease of what was in hand runs out, and another worker takes it.
            os._exit(_ENDED_AT_ONCE)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def _deps(settings: WorkerSettings, opened: ExitStack) -> IngestDeps:
    # One connection for each job and a compaction, one to claim with, one for questions over gRPC.
    most = settings.worker_slots + 3
    database = opened.enter_context(
        Database(settings.meta_db, most=most, name="coco-worker", preparing=settings.db_prepare)
    )
    blobs = BlobStore(settings.blob_url)
    blobs.check()
    embedders = Embedders(settings.embedding)
    opened.callback(embedders.close)
    return IngestDeps(
        database,
        blobs,
        embedders,
        partial(quotas_of, settings),
        content_bytes=settings.worker_max_item_bytes,
        embed_timeout=settings.worker_embed_timeout_seconds,
        embed_waiting=settings.worker_embed_waiting_seconds,
        build_helpers=settings.worker_build_helpers,
        vectors=open_vectors(
            settings.vector_backend,
            url=settings.vector_db_url,
            prefix=settings.vector_db_collection_prefix,
            api_key=settings.vector_db_api_key,
        ),
    )


def _serve(
    settings: WorkerSettings, worker: Worker, server: RpcServer, stop: threading.Event
) -> bool:
    notifier = open_notifier(settings)
    listening = threading.Thread(
        target=_listen, args=(notifier, worker, stop), name="coco-notifier", daemon=True
    )
    worker.start()
    server.start()
    listening.start()
    log.info("worker_started", worker_id=worker.worker_id, port=server.port)
    stop.wait()
    log.info("worker_stopping", running=worker.running)
    server.drain()
    ended = worker.stop(grace_seconds=settings.worker_grace_seconds)
    server.stop()
    notifier.close()
    log.info("worker_stopped", gave_everything_back=ended)
    return ended


def _listen(notifier: JobNotifier, worker: Worker, stop: threading.Event) -> None:
    while not stop.is_set():
        if notifier.wait(_WAIT_SECONDS):
            worker.wake()
