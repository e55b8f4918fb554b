"""The daemon's web application: every route over one `DaemonService`, behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse

import coco_local
from coco_local.api.mcp_mount import McpMount
from coco_local.api.metrics import RequestMetrics
from coco_local.api.operations import add_operations
from coco_local.api.security import Guard
from coco_local.api.streaming import Streams
from coco_local.api.workers import Workers
from coco_protocol.serving.errors import add_error_handlers
from coco_protocol.serving.exchange import Exchange
from coco_protocol.serving.reference import CONTENT_SECURITY_POLICY, reference_page

if TYPE_CHECKING:
    from coco_local.api.service import DaemonService
    from coco_local.settings import Settings

__all__ = ["create_app"]

_DESCRIPTION = """\
CoCo searches the code and documents of this machine by meaning and by words. Every answer is
{"meta": …, "data": …}; every error is {"meta": …, "error": …} with a stable code, a message and a
hint.

The project is named by the header x-coco-project-id, or by project_id or path in the body; with one
project registered nothing need be named.
"""


def create_app(service: DaemonService, settings: Settings) -> FastAPI:
    """Return the application; the caller starts and closes ``service``.

    ``app.state.streams.close()`` ends the open event streams, for a server that wants to stop.

    Raises:
        InvalidConfig: the host is open to other machines and no key is set.
    """
    workers = Workers()
    streams = Streams(service, workers)
    metrics = RequestMetrics(service)
    mcp = McpMount(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with mcp.running():
            yield
        streams.close()

    app = FastAPI(
        title="CoCo",
        version=coco_local.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # Nothing leaves this machine, whatever the environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.streams = streams
    add_error_handlers(app)
    add_operations(app, service, workers)
    streams.add_to(app)
    metrics.add_to(app, workers)
    app.add_route("/docs", _reference, include_in_schema=False)
    app.router.routes.extend(mcp.routes())
    # The one added last is outermost: a refused request is counted and logged too.
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Exchange, metrics=metrics)
    # Built now, so that wrong settings are an exception here and not at the first request.
    app.middleware_stack = app.build_middleware_stack()
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


async def _reference(request: Request) -> Response:
    """Serve the API's reference; it works offline."""
    page = reference_page(request.app.openapi())
    return HTMLResponse(page, headers={"content-security-policy": CONTENT_SECURITY_POLICY})
