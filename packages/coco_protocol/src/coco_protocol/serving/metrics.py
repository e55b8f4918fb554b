"""Prometheus metrics that every service has: requests by route, their latency, and gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "RequestMetrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST


class RequestMetrics:
    """A service's metrics in a registry of their own, so that two services fit into one process."""

    def __init__(self, buckets: Sequence[float]) -> None:
        """Count requests by these upper bounds of their seconds."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "coco_http_requests",
            "Requests by method, route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "coco_http_request_seconds",
            "Time from the request's head to the end of its answer.",
            ["route"],
            buckets=buckets,
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one exchange."""
        self._requests.labels(method, route, str(int(status))).inc()
        self._seconds.labels(route).observe(seconds)

    def add_gauges(self, gauges: Callable[[], Iterator[Metric]]) -> None:
        """Ask ``gauges`` at every scrape, instead of keeping copies."""
        self.registry.register(_Gauges(gauges))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format; asks for the gauges."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    def __init__(self, gauges: Callable[[], Iterator[Metric]]) -> None:
        self._gauges = gauges

    def describe(self) -> Iterable[Metric]:
        # Registering must not ask a service that has not started yet.
        return ()

    def collect(self) -> Iterator[Metric]:
        return self._gauges()
