"""MCP over streamable HTTP, as an application that the daemon mounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import INVALID_REQUEST
from starlette.responses import JSONResponse, Response

from coco_local.mcp.messages import Rejected, parse_message
from coco_local.mcp.scope import Caller
from coco_local.mcp.server import build_server
from coco_protocol.envelope import HEADER_PROJECT
from coco_protocol.local import LocalService

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from starlette.types import Message, Receive, Scope, Send

__all__ = ["McpApp", "mcp_app"]

# The longest argument has ten thousand characters.
MAX_BODY = 1024 * 1024


class McpApp:
    """The server as an ASGI application: stateless, answers with JSON, no stream to keep open."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while inside; enter it in the lifespan of the application that has the routes."""
        manager = StreamableHTTPSessionManager(
            self._server,
            json_response=True,
            stateless=True,
            # The daemon's own middleware has judged Host and Origin before; it also knows which
            # other hosts were opened, so a second opinion here could only be wrong.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response: Response | None = None
        if scope["method"] != "POST":
            # Stateless: there is no stream to open with GET and no session to end with DELETE.
            response = JSONResponse(
                {"error": "MCP over streamable HTTP: send JSON-RPC with POST."},
                status_code=405,
                headers={"Allow": "POST"},
            )
        elif self._manager is None:
            response = JSONResponse({"error": "The service is stopping."}, status_code=503)
        if response is not None:
            await response(scope, receive, send)
            return
        assert self._manager is not None
        try:
            body = await _body(receive)
            message = parse_message(body.decode("utf-8", "replace"))
        except Rejected as rejected:
            error = rejected.error.model_dump(mode="json", by_alias=True, exclude_unset=True)
            await JSONResponse(error, status_code=400)(scope, receive, send)
            return
        text = message.model_dump_json(by_alias=True, exclude_unset=True)
        await self._manager.handle_request(scope, _replay(text.encode(), receive), send)


async def _body(receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        Rejected: it is longer than any message that makes sense.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        part: bytes = event.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise Rejected(INVALID_REQUEST, f"A message has at most {MAX_BODY} bytes.")
        parts.append(part)
        if not event.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what reads a body that is here already, then the rest of the connection."""
    events: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_event() -> Message:
        return events.pop() if events else await receive()

    return next_event


def mcp_app(service: LocalService) -> McpApp:
    """Return `/mcp` over the daemon in this process.

    The application that mounts it enters ``running()`` before the first request. The default
    project is the one in the header or the query (`/mcp?project=NAME`).
    """
    return McpApp(build_server(service, _http_caller))


async def _http_caller(context: ServerRequestContext[Any, Any]) -> Caller:
    request = context.request
    if request is None:
        return Caller()
    named = request.headers.get(HEADER_PROJECT) or request.query_params.get("project")
    return Caller(project=named or None)
