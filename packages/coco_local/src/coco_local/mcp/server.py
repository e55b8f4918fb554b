"""The MCP server over local mode's operations, and its HTTP application for the daemon."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as ListedTool
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from coco_core.errors import CocoError, DaemonNotRunning
from coco_core.version import __version__
from coco_local.client.transport import NOT_RUNNING
from coco_local.mcp.reply import Reply
from coco_local.mcp.schema import plain_schema
from coco_local.mcp.scope import Caller
from coco_local.mcp.tools import TOOLS, Tool
from coco_protocol.envelope import HEADER_PROJECT
from coco_protocol.local import LocalService

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from starlette.types import Receive, Scope, Send

    CallerOf = Callable[[ServerRequestContext[Any, Any]], Awaitable[Caller]]

__all__ = ["McpApp", "build_server", "mcp_app"]

log = logging.getLogger(__name__)

INSTRUCTIONS = (
    "CoCo indexes this machine's projects and answers from their files as they are now. "
    "Prefer `search` to grep and to reading files when looking for where or how something is "
    "done; then `outline` and `read` for exact ranges. `grep` lists every occurrence of an exact "
    "string. Paths are relative to the project's root."
)

# Clients give up after 30 to 60 seconds; the model must get a sentence before that.
TOOL_TIMEOUT = 25.0
# Tool calls of one server that may wait for the index at once; the rest queue.
MAX_CALLS = 16


def build_server(service: LocalService, caller_of: CallerOf) -> Server[Any]:
    """Return the server with all tools; ``caller_of`` says what a request's default project is."""
    tools = {tool.name: tool for tool in TOOLS}
    listed = ListToolsResult(tools=[_listed(tool) for tool in TOOLS])
    schemas = {tool.name: tool.input_schema for tool in listed.tools}
    calls = anyio.CapacityLimiter(MAX_CALLS)

    async def list_tools(
        _: ServerRequestContext[Any, Any], __: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return listed

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult:
        tool = tools.get(params.name)
        if tool is None:
            raise MCPError(
                code=INVALID_PARAMS,
                message=f"There is no tool {params.name!r}; tools: {', '.join(tools)}.",
            )
        try:
            arguments = tool.arguments.model_validate(params.arguments or {})
        except ValidationError as error:
            return _failed(_explain(error, tool))
        call = partial(tool.run, service, await caller_of(context), arguments)
        try:
            with anyio.fail_after(TOOL_TIMEOUT):
                reply = await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=calls)
        except DaemonNotRunning:
            return _failed(NOT_RUNNING)
        except CocoError as error:
            return _failed(f"{error.message}\n{error.hint}" if error.hint else error.message)
        except TimeoutError:
            return _failed(
                f"CoCo did not answer within {TOOL_TIMEOUT:.0f} s; it is busy or stuck.\n"
                "Try again in a moment; `coco status` and `coco doctor` say what it is doing."
            )
        return _done(reply)

    return Server(
        "coco",
        version=__version__,
        title="CoCo",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=schemas.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


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
        await self._manager.handle_request(scope, receive, send)


def mcp_app(service: LocalService) -> McpApp:
    """Return `/mcp` over the daemon in this process.

    Whoever mounts it enters ``running()`` before the first request. The default project is the one
    in the header or the query (`/mcp?project=NAME`).
    """
    return McpApp(build_server(service, _http_caller))


async def _http_caller(context: ServerRequestContext[Any, Any]) -> Caller:
    request = context.request
    if request is None:
        return Caller()
    named = request.headers.get(HEADER_PROJECT) or request.query_params.get("project")
    return Caller(project=named or None)


def _listed(tool: Tool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=plain_schema(tool.arguments),
        output_schema=plain_schema(tool.answer),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )


def _done(reply: Reply) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=reply.text)],
        structured_content=reply.data.model_dump(mode="json", exclude_none=True),
    )


def _failed(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _explain(error: ValidationError, tool: Tool) -> str:
    """Say which argument is wrong, with its value, and which there are."""
    lines = []
    for problem in error.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{tool.name} has no argument {name!r}.")
        elif problem["type"] == "missing":
            lines.append(f"{tool.name} needs the argument {name!r}.")
        else:
            lines.append(f"{name}: {problem['msg']} (got {problem['input']!r:.100}).")
    return "\n".join([*lines, f"Arguments: {', '.join(tool.arguments.model_fields)}."])
