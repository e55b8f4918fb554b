"""Prometheus metrics of a worker, without names of projects or texts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

__all__ = ["CHUNKS", "FAILURES", "ITEMS", "JOBS", "REJECTED", "RUNNING", "STAGE_SECONDS"]

# From a small batch with given vectors to a large one behind a slow model.
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1800)

JOBS = Counter("coco_worker_jobs", "Attempts at jobs, by how they ended", ["outcome"])
FAILURES = Counter("coco_worker_failed_attempts", "Attempts that failed, by error", ["code"])
RUNNING = Gauge("coco_worker_running_jobs", "Jobs in hand")
ITEMS = Counter("coco_worker_items", "Items that were indexed")
REJECTED = Counter("coco_worker_rejected_items", "Items that were left out", ["reason"])
CHUNKS = Counter("coco_worker_chunks", "Chunks that were written")
STAGE_SECONDS = Histogram(
    "coco_worker_stage_seconds", "Time of one batch in one stage", ["stage"], buckets=_SECONDS
)
