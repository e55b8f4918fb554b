"""The service's metrics: requests, refusals, imports, queries by stage, and the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from prometheus_client import Counter, Histogram

from coco_protocol.server.system import PruneData
from coco_protocol.serving.metrics import RequestMetrics

__all__ = ["ServerMetrics"]

# From an answer out of memory to an import of gigabytes.
_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0)


class ServerMetrics(RequestMetrics):
    """What the service counts; no label ever names a tenant."""

    def __init__(self) -> None:
        super().__init__(_BUCKETS)
        self._refusals = Counter(
            "coco_refusals", "Requests refused by a limit.", ["limit"], registry=self.registry
        )
        self._imported = Counter(
            "coco_import_bytes", "Bytes of imports that were taken.", registry=self.registry
        )
        self._removed = Counter(
            "coco_retention_removed",
            "What retention removed, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self._stages = Histogram(
            "coco_query_stage_seconds",
            "Time of a query's stages.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def refused(self, limit: Literal["rate", "quota"]) -> None:
        """Count a refusal."""
        self._refusals.labels(limit).inc()

    def imported(self, size: int) -> None:
        """Count the bytes of an import."""
        self._imported.inc(size)

    def pruned(self, done: PruneData) -> None:
        """Count what retention has removed."""
        for kind in ("versions", "memos", "sessions", "jobs", "blobs", "partial_uploads"):
            self._removed.labels(kind).inc(getattr(done, kind))

    def queried(self, took_ms: Mapping[str, float]) -> None:
        """Count the stages of a query."""
        for stage, milliseconds in took_ms.items():
            self._stages.labels(stage).observe(milliseconds / 1000)
