"""Routes of health, retention, and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request, Response
from starlette.status import HTTP_503_SERVICE_UNAVAILABLE

import coco_server
from coco_protocol.envelope import Envelope
from coco_protocol.server.system import (
    HealthData,
    LiveData,
    PruneData,
    PruneRequest,
    ReadyData,
)
from coco_protocol.serving.answers import ERRORS, answer
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.metrics import CONTENT_TYPE
from coco_server.api.operator_metrics import OperatorMetrics
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import admin_only, operator_only
from coco_server.auth.manage import manager_of
from coco_server.edge.probes import Probe
from coco_server.jobs import queue
from coco_server.store.session import SystemSession

__all__ = ["SystemApi"]


class SystemApi:
    """``/v1/sys`` and ``/metrics``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        # With a thread of its own: a database that accepts connections and is silent holds threads
        # for half a minute, and a balancer waits for seconds.
        self._ready = Probe(services.unready, kept_seconds=0.0)
        self._ready_thread = ThreadPoolExecutor(1, "coco-ready")
        services.metrics.add_gauges(OperatorMetrics(services).collect)

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "system",
            ("GET", "/v1/sys/health", self.health, Envelope[HealthData]),
            ("GET", "/v1/sys/health/live", self.live, Envelope[LiveData]),
            ("GET", "/v1/sys/health/ready", self.ready, Envelope[ReadyData]),
            ("POST", "/v1/sys/prune", self.prune, Envelope[PruneData]),
        )
        app.add_api_route(
            "/metrics",
            self.metrics,
            response_class=Response,
            responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **ERRORS},
            tags=["system"],
        )

    async def live(self, request: Request) -> Response:
        """Say that the process answers; it asks nobody else."""
        return answer(LiveData(version=coco_server.__version__), request_id_of(request))

    async def ready(self, request: Request) -> Response:
        """Say whether requests can be served, and if not, why: 503 while the database is away.

        The same at the stop, and on a schema that this program does not know.
        """
        reason = await self._ready.look(self._ready_thread)
        data = ReadyData(version=coco_server.__version__, ready=reason is None, reason=reason or "")
        response = answer(data, request_id_of(request))
        if reason is not None:
            response.status_code = HTTP_503_SERVICE_UNAVAILABLE
        return response

    async def health(self, request: Request) -> Response:
        """Describe the service and everything that it uses; parts are at most ten seconds old."""
        pools, probes = self._services.pools, self._services.probes
        database = await pools.run("status", probes.database)
        jobs = await pools.run("status", self._jobs) if database.state == "ok" else {}
        others = await pools.run("status", probes.others)
        data = HealthData(
            version=coco_server.__version__,
            ready=database.state == "ok" and not self._services.draining,
            uptime_seconds=round(time.time() - self._services.started_at, 1),
            stopping=self._services.draining,
            parts=[database, *others],
            workers=await self._services.worker_health(),
            jobs_waiting=jobs.get("queued", 0),
            jobs_running=jobs.get("running", 0),
        )
        return answer(data, request_id_of(request))

    async def prune(self, request: Request, body: PruneRequest | None = None) -> Response:
        """Remove what retention does not keep, or with `dry_run` say what that would be."""
        admin_only(request)
        wanted = body or PruneRequest()
        if wanted.dry_run:
            data = await self._services.pools.run("change", self._services.prune, wanted)
            return answer(data, request_id_of(request))
        details = wanted.model_dump(exclude_none=True, exclude={"org_id", "dry_run"})
        act = manager_of(request).act("retention.prune", wanted.org_id, **details)

        def prune(note: Callable[[SystemSession], None]) -> PruneData:
            # It has many transactions: what is about to be removed is noted before the first.
            with self._services.database.system() as session:
                note(session)
            return self._services.prune(wanted)

        data = await self._services.pools.run("change", self._services.audit.by_steps, act, prune)
        return answer(data, request_id_of(request))

    async def metrics(self, request: Request) -> Response:
        """Return the metrics in Prometheus' text format."""
        operator_only(request)
        text = await self._services.pools.run("status", self._services.metrics.text)
        return Response(text, media_type=CONTENT_TYPE)

    def _jobs(self) -> dict[str, int]:
        with self._services.database.system() as session:
            return queue.waiting(session)
