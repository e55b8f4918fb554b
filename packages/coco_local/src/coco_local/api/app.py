"""FastAPI application of the daemon: all routes, behind one request guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.routing import APIRoute

import coco_local
from coco_local.api.mcp_mount import McpMount
from coco_local.api.metrics import DaemonMetrics
from coco_local.api.operations import add_operations
from coco_local.api.pools import daemon_pools
from coco_local.api.security import BODY_LIMITS, AccessControl
from coco_local.api.streaming import Streams
from coco_protocol.serving.app import finish_app, new_app
from coco_protocol.serving.guard import RequestGuard

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
    pools = daemon_pools()
    streams = Streams(service, pools)
    metrics = DaemonMetrics(service)
    mcp = McpMount(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with mcp.running():
            yield
        streams.close()

    app = new_app(
        "CoCo",
        coco_local.__version__,
        _DESCRIPTION,
        lifespan=lifespan,
        operation_id=_operation_id,
    )
    app.state.streams = streams
    add_operations(app, service, pools)
    streams.add_to(app)
    metrics.add_to(app, pools)
    app.router.routes.extend(mcp.routes())
    app.add_middleware(RequestGuard, check=AccessControl(settings).check, limits=BODY_LIMITS)
    finish_app(app, metrics)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
