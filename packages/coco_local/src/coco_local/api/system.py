"""Routes of the service about itself: health, figures, configs, pruning, stopping."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response

from coco_core.errors import Forbidden
from coco_local.api.metrics import CONTENT_TYPE, RequestMetrics
from coco_local.api.security import is_loopback_peer
from coco_local.api.streaming import Streams
from coco_local.api.workers import Workers
from coco_local.service import LocalService
from coco_protocol.base import Identifier, PathText
from coco_protocol.configs import ConfigBody, ConfigList, ConfigRequest
from coco_protocol.envelope import Envelope
from coco_protocol.serving.answers import ERRORS, answer
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.sse import EVENT_STREAM
from coco_protocol.system import (
    ExplainPathData,
    HealthData,
    PruneData,
    PruneRequest,
    ShutdownData,
    StatsData,
)

__all__ = ["SystemApi"]


class SystemApi:
    """``/v1/sys`` and ``/metrics``."""

    def __init__(
        self,
        service: LocalService,
        workers: Workers,
        streams: Streams,
        metrics: RequestMetrics,
    ) -> None:
        self._service = service
        self._workers = workers
        self._streams = streams
        self._metrics = metrics

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        for path, endpoint, method, model in (
            ("/v1/sys/health", self.health, "GET", Envelope[HealthData]),
            ("/v1/sys/stats", self.stats, "GET", Envelope[StatsData]),
            ("/v1/sys/configs", self.configs, "GET", Envelope[ConfigList]),
            ("/v1/sys/configs", self.add_config, "POST", Envelope[ConfigBody]),
            ("/v1/sys/configs/{config_id}", self.config, "GET", Envelope[ConfigBody]),
            ("/v1/sys/prune", self.prune, "POST", Envelope[PruneData]),
            ("/v1/sys/explain", self.explain, "GET", Envelope[ExplainPathData]),
            ("/v1/sys/shutdown", self.shutdown, "POST", Envelope[ShutdownData]),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=[method],
                response_model=model,
                responses=ERRORS,
                tags=["system"],
            )
        app.add_api_route("/v1/sys/stats/stream", self.stats_stream, **_text(EVENT_STREAM))
        app.add_api_route("/metrics", self.metrics, **_text("text/plain"))

    async def health(self, request: Request) -> Response:
        """Say that CoCo runs here, in which version and state; needs no key."""
        return answer(await self._workers.status(self._service.health), request_id_of(request))

    async def stats(self, request: Request) -> Response:
        """Return what the TUI shows."""
        return answer(await self._workers.status(self._service.stats), request_id_of(request))

    async def stats_stream(self, request: Request) -> Response:
        """Send the statistics every second, as server-sent events named `stats`."""
        return self._streams.stats(request_id_of(request))

    async def metrics(self) -> Response:
        """Return the metrics in Prometheus' text format."""
        text = await self._workers.status(self._metrics.text)
        return Response(text, headers={"content-type": CONTENT_TYPE})

    async def configs(self, request: Request) -> Response:
        """List the indexing configs, oldest first."""
        return answer(await self._workers.status(self._service.configs), request_id_of(request))

    async def config(
        self, request: Request, config_id: Annotated[Identifier, Path(description="Its id.")]
    ) -> Response:
        """Return one indexing config."""
        data = await self._workers.status(self._service.config, config_id)
        return answer(data, request_id_of(request))

    async def add_config(self, request: Request, body: ConfigRequest) -> Response:
        """Register an indexing config; the same id with other content is a conflict."""
        data = await self._workers.change(self._service.add_config, body.to_config())
        return answer(data, request_id_of(request))

    async def prune(self, request: Request, body: PruneRequest) -> Response:
        """Remove embeddings and indexes that nothing needs any more."""
        data = await self._workers.change(self._service.prune, body)
        return answer(data, request_id_of(request))

    async def explain(
        self,
        request: Request,
        path: Annotated[PathText, Query(description="An absolute path of a file or directory.")],
    ) -> Response:
        """Say why a path is or is not indexed."""
        data = await self._workers.status(self._service.explain_path, path)
        return answer(data, request_id_of(request))

    async def shutdown(self, request: Request) -> Response:
        """Stop the daemon; only for programs on its own machine."""
        if not is_loopback_peer(request):
            raise Forbidden(
                "Only the daemon's own machine may stop it.", hint="Run there: coco stop"
            )
        await self._workers.status(self._service.request_shutdown)
        self._streams.close()
        return answer(ShutdownData(), request_id_of(request))


def _text(kind: str) -> dict[str, Any]:
    """Describe a route that answers with text of the content type ``kind``."""
    return {
        "response_class": Response,
        "responses": {200: {"content": {kind: {"schema": {"type": "string"}}}}, **ERRORS},
        "tags": ["system"],
    }
