"""Prometheus: requests, refusals, imports, queries by stage, and the queue at scrape time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "ServerMetrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST

# From an answer out of memory to an import of gigabytes.
_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0)


class ServerMetrics:
    """The service's metrics in a registry of their own; no label ever names a tenant."""

    def __init__(self) -> None:
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
        self._refusals = Counter(
            "coco_refusals", "Requests refused by a limit.", ["limit"], registry=self._registry
        )
        self._imported = Counter(
            "coco_import_bytes", "Bytes of imports that were taken.", registry=self._registry
        )
        self._stages = Histogram(
            "coco_query_stage_seconds",
            "Time of a query's stages.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one exchange."""
        self._requests.labels(method, route, str(int(status))).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, limit: Literal["rate", "quota"]) -> None:
        """Count a refusal."""
        self._refusals.labels(limit).inc()

    def imported(self, size: int) -> None:
        """Count the bytes of an import."""
        self._imported.inc(size)

    def queried(self, took_ms: Mapping[str, float]) -> None:
        """Count the stages of a query."""
        for stage, milliseconds in took_ms.items():
            self._stages.labels(stage).observe(milliseconds / 1000)

    def add_gauges(self, gauges: Callable[[], Mapping[str, float]]) -> None:
        """Ask ``figures`` at every scrape: gauges by name, such as ``jobs_waiting``."""
        self._registry.register(_Gauges(gauges))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format; asks the database for its figures."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    """Asks at scrape time instead of keeping copies."""

    def __init__(self, gauges: Callable[[], Mapping[str, float]]) -> None:
        self._gauges = gauges

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this moment."""
        for name, value in self._gauges().items():
            yield GaugeMetricFamily(f"coco_{name}", f"{name.replace('_', ' ')}.", value=value)
