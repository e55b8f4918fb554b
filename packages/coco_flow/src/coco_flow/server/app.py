"""The web application: flows, schemas, rows with every value, errors, statistics, queries."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

import coco_flow
from coco_core.errors import CocoError
from coco_flow.server.routes import make_router

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coco_flow.flow.live import FlowLiveUpdater

__all__ = ["create_app"]

_log = logging.getLogger(__name__)

# Paths without data, for health checks.
_OPEN_PATHS = frozenset({"/healthz", "/cocoindex"})


def create_app(
    *,
    token: str | None,
    cors_origins: Sequence[str] = (),
    live: dict[str, FlowLiveUpdater] | None = None,
) -> FastAPI:
    """Return the application over the open flows of this process.

    Args:
        token: What requests must carry as `Authorization: Bearer …`; None permits all requests.
        cors_origins: Web pages that may call.
        live: The live updaters that run together with the server, by flow, for their statistics.
    """
    app = FastAPI(
        title="coco-flow",
        version=coco_flow.__version__,
        description="Flows of this application: what they are, what they did, what they answer.",
        docs_url=None,
        redoc_url=None,
        # Nothing is sent from this machine, whatever the environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_exception_handler(CocoError, _coco_error)
    app.add_exception_handler(ValueError, _value_error)
    app.middleware("http")(_answer_every_failure)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Say that the server runs, and its version."""
        return {"status": "ok", "version": coco_flow.__version__}

    @app.get("/cocoindex", include_in_schema=False)
    def greeting() -> str:
        return "CocoIndex-compatible API of coco-flow"

    app.include_router(make_router(live or {}), prefix="/api")
    # CocoIndex's paths, for tools that use them.
    app.include_router(make_router(live or {}), prefix="/cocoindex/api", include_in_schema=False)
    if token is not None:
        app.middleware("http")(_token_check(token))
    if cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(cors_origins), allow_methods=["*"],
            allow_headers=["*"],
        )  # fmt: skip
    return app


def _token_check(
    token: str,
) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    async def check(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        allowed = request.url.path in _OPEN_PATHS or request.method == "OPTIONS"
        if not allowed and not hmac.compare_digest(given.encode(), token.encode()):
            return _error(
                401, "unauthorized", "A valid token is required.",
                "Send the header `Authorization: Bearer TOKEN`; the server printed the token when "
                "it started.",
            )  # fmt: skip
        return await call_next(request)

    return check


async def _coco_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CocoError)
    return _error(error.status, error.code, error.message, error.hint)


async def _value_error(_request: Request, error: Exception) -> JSONResponse:
    return _error(400, "invalid_input", str(error), None)


async def _answer_every_failure(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Answer failures without a handler; one that left the application would close the connection.

    The log has the traceback; the client gets no internals.
    """
    try:
        return await call_next(request)
    except Exception:  # noqa: BLE001 - the last line of defense answers every failure
        _log.exception("%s %s failed.", request.method, request.url.path)
        return _error(500, "internal", "Something inside coco-flow failed.", "See its log.")


def _error(status: int, code: str, message: str, hint: str | None) -> JSONResponse:
    body: dict[str, Any] = {"code": code, "message": message}
    if hint:
        body["hint"] = hint
    return JSONResponse({"error": body}, status_code=status)
