"""OpenTelemetry span of each request; imported only where it is installed."""

from __future__ import annotations

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coco_protocol.serving.exchange import LOG_FIELDS_KEY

__all__ = ["trace_with"]


def trace_with(app: FastAPI, provider: TracerProvider) -> None:
    """Put a span of ``provider`` around each exchange of an application that was built already."""
    assert app.middleware_stack is not None, "create_app builds it"
    app.middleware_stack = _Spans(app.middleware_stack, provider)


class _Spans:
    """Pure ASGI middleware; a span names the route and ids, never a path's or body's content."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self._app = app
        self._provider = provider
        self._tracer = trace.get_tracer("coco_server", tracer_provider=provider)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the exchange on within a span."""
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                self._provider.shutdown()
            return
        parent = extract(dict(Headers(scope=scope)))
        with self._tracer.start_as_current_span(
            "request", context=parent, kind=SpanKind.SERVER
        ) as span:

            async def answered(message: Message) -> None:
                if message["type"].endswith("http.response.start"):
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            try:
                await self._app(scope, receive, answered)
            finally:
                route = getattr(scope.get("route"), "path", "(none)")
                span.update_name(f"{scope.get('method', 'WEBSOCKET')} {route}")
                span.set_attribute("http.route", route)
                for name, value in scope.get(LOG_FIELDS_KEY, {}).items():
                    span.set_attribute(f"coco.{name}", value)
