"""FastAPI application of the API service: all routes, behind one request guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute

import coco_server
from coco_protocol.serving.app import finish_app, new_app
from coco_protocol.serving.guard import RequestGuard
from coco_server.api.departure import DepartureWatch
from coco_server.api.job_events import JobEventReader
from coco_server.api.openapi import describe_access
from coco_server.api.routes.audit import AuditApi
from coco_server.api.routes.configs import ConfigsApi
from coco_server.api.routes.defaults import DefaultsApi
from coco_server.api.routes.docs import DocsApi
from coco_server.api.routes.documents import DocumentsApi
from coco_server.api.routes.jobs import JobsApi
from coco_server.api.routes.keys import KeysApi
from coco_server.api.routes.memos import MemosApi
from coco_server.api.routes.operating import OperatingApi
from coco_server.api.routes.projects import ProjectsApi
from coco_server.api.routes.rules import RulesApi
from coco_server.api.routes.system import SystemApi
from coco_server.api.routes.tenants import TenantsApi
from coco_server.api.services import Services
from coco_server.auth.access import BODY_LIMITS, AccessControl
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
        scheduler = RetentionScheduler(services.maintain)
        scheduler.start()
        try:
            yield
        finally:
            services.stopping = True
            scheduler.close()
            await services.links.close()
            await to_thread.run_sync(services.close)

    app = new_app(
        "CoCo server",
        coco_server.__version__,
        _DESCRIPTION,
        lifespan=lifespan,
        operation_id=_operation_id,
    )
    app.state.services = services
    reader = JobEventReader(services)
    DocsApi(services).add_to(app)
    DocumentsApi(services, reader).add_to(app)
    ProjectsApi(services).add_to(app)
    DefaultsApi(services).add_to(app)
    JobsApi(services, reader).add_to(app)
    MemosApi(services).add_to(app)
    RulesApi(services).add_to(app)
    ConfigsApi(services).add_to(app)
    TenantsApi(services).add_to(app)
    KeysApi(services).add_to(app)
    AuditApi(services).add_to(app)
    OperatingApi(services).add_to(app)
    SystemApi(services).add_to(app)
    app.add_middleware(DepartureWatch)
    describe_access(app)
    access = AccessControl(services.settings, services.key_checks, services.org_rate)
    app.add_middleware(RequestGuard, check=access.check, limits=BODY_LIMITS)
    finish_app(app, services.metrics, log_level="info")
    return app


def _operation_id(route: APIRoute) -> str:
    # Several groups have a "query"; clients made of the document name their methods by this.
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name
