"""Gauges for the operator, asked for at every scrape: the queue, workers, and what is used."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from coco_core.errors import CocoError
from coco_server.api.services import Services
from coco_server.jobs import overview

__all__ = ["OperatorMetrics"]

_log = structlog.get_logger(__name__)


class OperatorMetrics:
    """Collects them; while the database is away, all that does not need it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        database = self._services.probes.database()
        pool = self._services.database.statistics()
        yield from _gauges(
            {
                "uptime_seconds": time.time() - self._services.started_at,
                "database_connections": pool.get("pool_size", 0),
                "database_connections_idle": pool.get("pool_available", 0),
                "database_requests_waiting": pool.get("requests_waiting", 0),
            }
        )
        if database.state == "ok":
            yield from self._queue()
        parts = {each.name: each.state for each in [database, *self._services.probes.others()]}
        yield _by_label(
            "part_up",
            "part",
            "Whether what the service uses answers.",
            {name: float(state == "ok") for name, state in parts.items()},
        )

    def _queue(self) -> Iterator[Metric]:
        try:
            with self._services.database.system() as session:
                state = overview.queue_state(session)
                workers = overview.workers_seen(session)
        except CocoError as error:
            # It was there a moment ago; the next scrape says so, and this one has no queue.
            _log.warning("queue_not_measured", reason=error.message)
            return
        yield from _gauges(
            {
                "jobs_waiting": state.queued,
                "jobs_running": state.running,
                "jobs_retrying": state.retrying,
                "jobs_oldest_waiting_seconds": state.oldest_queued_seconds,
                "jobs_oldest_running_seconds": state.oldest_running_seconds,
                "workers": len(workers),
                "worker_slots": sum(each.slots for each in workers),
                "worker_slots_busy": sum(each.running for each in workers),
            }
        )
        yield _by_label(
            "jobs_dead",
            "code",
            "Failed jobs that were not requeued, by error.",
            state.dead_letters,
        )


def _gauges(values: Mapping[str, float]) -> Iterator[Metric]:
    for name, value in values.items():
        yield GaugeMetricFamily(f"coco_{name}", f"{name.replace('_', ' ')}.", value=value)


def _by_label(name: str, label: str, text: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"coco_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
