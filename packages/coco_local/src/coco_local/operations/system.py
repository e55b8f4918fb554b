"""System operations: health, stats, prune, and shutdown."""

from __future__ import annotations

import os
import time

from coco_local import __version__
from coco_local.operations.context import FUNCTIONS, Context
from coco_local.operations.serializers import missing_vectors
from coco_protocol.base import EmptyRequest
from coco_protocol.local import LocalService
from coco_protocol.system import (
    HealthData,
    PruneData,
    PruneRequest,
    QueueStats,
    ShutdownData,
    StatsData,
)


@FUNCTIONS.answers(LocalService.health)
def health(context: Context, _: EmptyRequest) -> HealthData:
    """Say what runs here and in which state; quick, and right even while stores are busy."""
    indexers = context.registry.indexers()
    return HealthData(
        version=__version__,
        pid=os.getpid(),
        started_at=context.started_at,
        uptime_seconds=round(time.time() - context.started_at, 3),
        home=str(context.settings.home.root),
        mode=context.mode,
        model=context.model.body(),
        queues=QueueStats(
            files=sum(indexer.pending for indexer in indexers),
            chunks=sum(missing_vectors(indexer) for indexer in indexers),
            jobs=context.jobs.running(),
        ),
        projects=len(context.registry.all()),
    )


@FUNCTIONS.answers(LocalService.stats)
def stats(context: Context, request: EmptyRequest) -> StatsData:
    """Return what the dashboard and the metrics show."""
    activity = context.activity
    return StatsData(
        health=health(context, request),
        memory_bytes=context.process.memory_info().rss,
        cpu_percent=context.process.cpu_percent(),
        index_bytes=context.maintenance.index_bytes(),
        latency=activity.latency(),
        embedding_rate=activity.embedding_rate(),
        recent_queries=activity.recent_queries(),
        recent_files=activity.recent_files(),
        log=activity.log_lines(),
        grammars=context.grammars.bodies(),
        stores=context.maintenance.store_stats(),
    )


@FUNCTIONS.answers(LocalService.prune)
def prune(context: Context, request: PruneRequest) -> PruneData:
    """Remove what no project needs any more."""
    return context.maintenance.prune(request)


@FUNCTIONS.answers(LocalService.shutdown)
def shutdown(context: Context, _: EmptyRequest) -> ShutdownData:
    """Ask the daemon to stop; returns at once."""
    context.stop_requested.set()
    return ShutdownData()
