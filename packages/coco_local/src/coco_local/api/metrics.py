"""Prometheus metrics: requests by route, latencies, and the daemon's own at scrape time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from coco_protocol.serving.answers import text_answer
from coco_protocol.serving.metrics import CONTENT_TYPE, RequestMetrics
from coco_protocol.system import StatsData

if TYPE_CHECKING:
    from coco_protocol.local import LocalService
    from coco_protocol.serving.pools import ThreadPools

__all__ = ["DaemonMetrics"]

# From an answer out of memory to one that waits for an import: the goals lie at 10 and 50 ms.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class DaemonMetrics(RequestMetrics):
    """What the daemon counts."""

    def __init__(self, service: LocalService) -> None:
        super().__init__(_BUCKETS)
        self.add_gauges(lambda: _gauges(service.stats()))

    def add_to(self, app: FastAPI, pools: ThreadPools) -> None:
        """Add ``/metrics`` to ``app``; it asks the service for its figures."""

        async def metrics() -> Response:
            """Return the metrics in Prometheus' text format."""
            text = await pools.run("status", self.text)
            return Response(text, headers={"content-type": CONTENT_TYPE})

        app.add_api_route(
            "/metrics",
            metrics,
            response_class=Response,
            responses=text_answer("text/plain"),
            tags=["system"],
        )


def _gauges(stats: StatsData) -> Iterator[Metric]:
    for name, text, value in _figures(stats):
        yield GaugeMetricFamily(name, text, value=value)
    model = GaugeMetricFamily(
        "coco_model_state", "1 for the state that the model is in.", labels=["model", "state"]
    )
    model.add_metric([stats.health.model.name, stats.health.model.state], 1)
    yield model
    stores = GaugeMetricFamily(
        "coco_store_size", "Rows, fragments and versions of the stores.", labels=["part"]
    )
    for part, size in stats.stores.items():
        stores.add_metric([part], size)
    yield stores


def _figures(stats: StatsData) -> Iterator[tuple[str, str, float]]:
    health, latency = stats.health, stats.latency
    yield "coco_uptime_seconds", "Seconds since the daemon started.", health.uptime_seconds
    yield "coco_projects", "Registered projects.", health.projects
    yield "coco_queue_files", "Files that wait to be indexed.", health.queues.files
    yield "coco_queue_chunks", "Chunks that wait to be embedded.", health.queues.chunks
    yield "coco_queue_jobs", "Jobs that have not ended.", health.queues.jobs
    yield "coco_memory_bytes", "Resident memory of the daemon.", stats.memory_bytes
    yield "coco_cpu_percent", "CPU use of the daemon; 100 is one core.", stats.cpu_percent
    yield "coco_index_bytes", "Size of the indexes on disk.", stats.index_bytes
    yield "coco_embedding_chunks_per_second", "Embedding rate.", stats.embedding_rate
    yield "coco_query_per_second", "Queries answered, last window.", latency.qps
    yield "coco_query_p50_seconds", "Median query latency, last window.", latency.p50_ms / 1000
    yield "coco_query_p95_seconds", "95th percentile, last window.", latency.p95_ms / 1000
