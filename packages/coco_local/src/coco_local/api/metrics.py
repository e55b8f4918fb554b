"""Prometheus: requests by route, their latency, and the daemon's own figures at scrape time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from coco_protocol.serving.answers import text_answer
from coco_protocol.system import StatsData

if TYPE_CHECKING:
    from coco_local.api.workers import Workers
    from coco_protocol.local import LocalService

__all__ = ["RequestMetrics"]

# From an answer out of memory to one that waits for an import: the goals lie at 10 and 50 ms.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class RequestMetrics:
    """The API's metrics in a registry of their own, so that two daemons fit into one process."""

    def __init__(self, service: LocalService) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "coco_http_requests",
            "Requests by method, route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "coco_http_request_seconds",
            "Time from the request's head to the end of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_DaemonFigures(service))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one exchange."""
        self._requests.labels(method, route, str(int(status))).inc()
        self._seconds.labels(route).observe(seconds)

    def add_to(self, app: FastAPI, workers: Workers) -> None:
        """Add ``/metrics`` to ``app``; it asks the service for its figures."""

        async def metrics() -> Response:
            """Return the metrics in Prometheus' text format."""
            text = await workers.run("status", generate_latest, self._registry)
            return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

        app.add_api_route(
            "/metrics",
            metrics,
            response_class=Response,
            responses=text_answer("text/plain"),
            tags=["system"],
        )


class _DaemonFigures(Collector):
    """Asks the service at scrape time instead of keeping copies of its figures."""

    def __init__(self, service: LocalService) -> None:
        self._service = service

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not ask a service that has not started yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this moment."""
        stats = self._service.stats()
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
