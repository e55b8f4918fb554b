"""ASGI middleware: request id, duration, access log, and handler of last resort."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, Protocol

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coco_protocol.envelope import HEADER_REQUEST
from coco_protocol.serving.errors import REQUEST_ID_KEY, error_response, unforeseen

__all__ = ["ANSWER_HEADERS_KEY", "LOG_FIELDS_KEY", "Exchange", "RequestObserver"]

ANSWER_HEADERS_KEY = "coco.answer_headers"
"""Where inner layers note in the ASGI scope what every answer, also an error, shall carry."""

LOG_FIELDS_KEY = "coco.log_fields"
"""Where inner layers note in the ASGI scope what the request's line in the log shall name."""

# What every tracing system sends fits; anything else could forge lines in a log.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

# 64 bits: unique among the requests that one log holds.
_ID_BYTES = 8

_NO_ROUTE = "(none)"

# In logs and metrics only; proxies use the same number.
_CLIENT_GONE = 499

_log = structlog.get_logger(__name__)


class RequestObserver(Protocol):
    """Counts exchanges."""

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one exchange."""
        ...


class Exchange:
    """Pure ASGI middleware around everything else, for HTTP and WebSocket."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: RequestObserver,
        log_level: Literal["debug", "info"] = "debug",
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log_level = log_level

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the exchange on, and see to its end."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope[REQUEST_ID_KEY] = request_id
        started = time.perf_counter()
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            kind = message["type"]
            if kind in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                _stamp(message, request_id, scope)
            elif kind == "websocket.accept":
                status = HTTPStatus.SWITCHING_PROTOCOLS
                _stamp(message, request_id, scope)
            await send(message)

        # The last resort: whatever comes here is logged, and told in the one shape.
        try:
            await self._app(scope, receive, answered)
        except ClientDisconnect:
            # It has gone in the middle of its body: there is no answer, and no fault here.
            status = status or _CLIENT_GONE
        except Exception as error:
            reason = unforeseen(error, request_id)
            if status:
                # Half of an answer is out; only a broken connection tells the client.
                raise
            await error_response(reason, request_id)(scope, receive, answered)
        finally:
            self._finish(scope, status, time.perf_counter() - started, request_id)

    def _finish(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        method = scope.get("method", "WEBSOCKET")
        route = _route(scope)
        self._metrics.observe(method, route, status, seconds)
        # The route and not the path: paths and queries may carry names of the user's files.
        quiet = _log.info if self._log_level == "info" else _log.debug
        write = _log.warning if status >= HTTPStatus.INTERNAL_SERVER_ERROR else quiet
        fields: Mapping[str, str] = scope.get(LOG_FIELDS_KEY, {})
        write(
            "request",
            method=method,
            route=route,
            status=int(status),
            took_ms=round(seconds * 1000, 2),
            request_id=request_id,
            **fields,
        )


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(HEADER_REQUEST, "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(_ID_BYTES)


def _stamp(message: Message, request_id: str, scope: Scope) -> None:
    message.setdefault("headers", [])
    headers = MutableHeaders(scope=message)
    headers[HEADER_REQUEST] = request_id
    # A page that got hold of an answer must not run it as a script nor embed it.
    headers["x-content-type-options"] = "nosniff"
    headers["cross-origin-resource-policy"] = "same-origin"
    for name, value in scope.get(ANSWER_HEADERS_KEY, {}).items():
        headers[name] = value


def _route(scope: Scope) -> str:
    """Return the route's template, so that ids in paths do not become labels."""
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    # Routes outside the OpenAPI (/mcp, /docs, …) have no parameters: their path is the template.
    return str(scope["path"]) if "endpoint" in scope else _NO_ROUTE
