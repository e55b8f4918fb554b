"""Assembly of a service's web application: error handlers, reference page and middleware."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Literal

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse

from coco_protocol.serving.errors import add_error_handlers
from coco_protocol.serving.exchange import Exchange, RequestObserver
from coco_protocol.serving.reference import CONTENT_SECURITY_POLICY, reference_page

__all__ = ["finish_app", "new_app"]


def new_app(
    title: str,
    version: str,
    description: str,
    *,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    operation_id: Callable[[APIRoute], str],
) -> FastAPI:
    """Return an application that answers every error with the envelope, and ``/docs`` offline."""
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        # What is traced, and where it goes, is decided by CoCo's settings and by nothing in the
        # environment; in local mode nothing leaves the machine.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    add_error_handlers(app)
    app.add_route("/docs", _reference, include_in_schema=False)
    return app


def finish_app(
    app: FastAPI, metrics: RequestObserver, *, log_level: Literal["debug", "info"] = "debug"
) -> None:
    """Count and log every request, also those that the other middleware refuses."""
    # The one added last is outermost.
    app.add_middleware(Exchange, metrics=metrics, log_level=log_level)
    # Built now, so that wrong settings are an exception here and not at the first request.
    app.middleware_stack = app.build_middleware_stack()


async def _reference(request: Request) -> Response:
    """Serve the API's reference; it works offline."""
    page = reference_page(request.app.openapi())
    return HTMLResponse(page, headers={"content-security-policy": CONTENT_SECURITY_POLICY})
