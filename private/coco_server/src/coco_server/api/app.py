"""The service's web application: every route over one set of services, behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse

import coco_server
from coco_protocol.server.system import PruneRequest
from coco_protocol.serving.errors import add_error_handlers
from coco_protocol.serving.exchange import Exchange
from coco_protocol.serving.reference import CONTENT_SECURITY_POLICY, reference_page
from coco_server.api.job_events import JobEventStreams
from coco_server.api.routes.configs import ConfigsApi
from coco_server.api.routes.defaults import DefaultsApi
from coco_server.api.routes.docs import DocsApi
from coco_server.api.routes.jobs import JobsApi
from coco_server.api.routes.memos import MemosApi
from coco_server.api.routes.projects import ProjectsApi
from coco_server.api.routes.system import SystemApi
from coco_server.api.routes.tenants import TenantsApi
from coco_server.api.services import Services
from coco_server.auth.middleware import AuthMiddleware
from coco_server.domain.retention import prune
from coco_server.domain.retention_scheduler import RetentionScheduler

__all__ = ["create_app"]

_DESCRIPTION = """\
CoCo's server mode: retrieval over versioned indexes for many tenants. Every answer is
{"meta": …, "data": …}; every error is {"meta": …, "error": …} with a stable code, a message and a
hint.

Send "Authorization: Bearer <key>" always. The admin key opens /v1/sys; an org's key opens the rest,
with the headers x-coco-org-id, x-coco-user-id and x-coco-project-id, which must agree with it.
"""


def create_app(services: Services) -> FastAPI:
    """Return the application; it opens ``services`` when it starts and closes them at its end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await to_thread.run_sync(services.open)
        scheduler = RetentionScheduler(partial(prune, services, PruneRequest()))
        scheduler.start()
        try:
            yield
        finally:
            services.stopping = True
            scheduler.close()
            await services.links.close()
            await to_thread.run_sync(services.close)

    app = FastAPI(
        title="CoCo server",
        version=coco_server.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # What is traced is decided by COCO_OTEL_ENDPOINT and by nothing in the environment.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.services = services
    add_error_handlers(app)
    DocsApi(services).add_to(app)
    ProjectsApi(services).add_to(app)
    DefaultsApi(services).add_to(app)
    JobsApi(services, JobEventStreams(services)).add_to(app)
    MemosApi(services).add_to(app)
    ConfigsApi(services).add_to(app)
    TenantsApi(services).add_to(app)
    SystemApi(services).add_to(app)
    app.add_route("/docs", _reference, include_in_schema=False)
    # The one added last is outermost: a refused request is counted and logged too.
    app.add_middleware(
        AuthMiddleware,
        settings=services.settings,
        authenticator=services.authenticator,
        threads=services.threads,
    )
    app.add_middleware(Exchange, metrics=services.metrics, log_level="info")
    # Built now, so that wrong settings are an exception here and not at the first request.
    app.middleware_stack = app.build_middleware_stack()
    return app


def _operation_id(route: APIRoute) -> str:
    # Several groups have a "query"; clients made of the document name their methods by this.
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


async def _reference(request: Request) -> Response:
    """Serve the API's reference; it works offline."""
    page = reference_page(request.app.openapi())
    return HTMLResponse(page, headers={"content-security-policy": CONTENT_SECURITY_POLICY})
