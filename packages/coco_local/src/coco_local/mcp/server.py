"""The MCP server over local mode's operations, whatever carries its messages."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from mcp.server.lowlevel import Server
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

from coco_core.errors import CocoError
from coco_core.version import __version__
from coco_local.mcp.budget import Budget, within_budget
from coco_local.mcp.coercion import did_you_mean, read_arguments
from coco_local.mcp.schema import plain_schema
from coco_local.mcp.scope import Caller
from coco_local.mcp.tools import TOOLS, Tool
from coco_protocol.local import LocalService

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    CallerOf = Callable[[ServerRequestContext[Any, Any]], Awaitable[Caller]]

__all__ = ["INSTRUCTIONS", "build_server"]

log = logging.getLogger(__name__)

INSTRUCTIONS = (
    "CoCo searches the project as its files are now, edits of a moment ago included. "
    "Not sure where something is or how it is done: `search`, instead of several greps and reads. "
    "Every use of a known name or text: `grep`. Before a long file: `outline`, then `read` only "
    "the lines you need. Paths are relative to the project's root; an answer's last line says how "
    "to get more."
)

# Clients give up after 30 to 60 seconds; the model must get a sentence before that.
TOOL_TIMEOUT = 25.0
# A refusal is some sentences; what it repeats of a call may be long.
REFUSAL_TOKENS = 500
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
                message=f"There is no tool {params.name!r}"
                f"{did_you_mean(params.name, list(tools))} Tools: {', '.join(tools)}.",
            )
        try:
            arguments, notes = read_arguments(tool.arguments, tool.name, params.arguments or {})
            caller = replace(await caller_of(context), notes=tuple(notes))
            call = partial(tool.run, service, caller, arguments)
            with anyio.fail_after(TOOL_TIMEOUT):
                text = await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=calls)
        except CocoError as error:
            return _failed(f"{error.message}\n{error.hint}" if error.hint else error.message)
        except TimeoutError:
            return _failed(
                f"CoCo did not answer within {TOOL_TIMEOUT:.0f} s; it is busy or stuck.\n"
                "Try again in a moment; `coco status` and `coco doctor` say what it is doing."
            )
        except Exception:
            log.exception("%s failed", tool.name)
            return _failed(
                f"{tool.name} failed inside CoCo; the log has the reason.\n"
                "Use another tool for this, and tell the user: coco doctor"
            )
        fitting = within_budget(text, arguments.max_tokens)
        return CallToolResult(content=[TextContent(type="text", text=fitting)])

    server: Server[Any] = Server(
        "coco",
        version=__version__,
        title="CoCo",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=schemas.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    server.middleware.append(_unpack_arguments)
    return server


def _listed(tool: Tool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        description=tool.description,
        input_schema=plain_schema(tool.arguments),
        # What else there is to say of a tool follows from this one: it changes nothing.
        annotations=ToolAnnotations(read_only_hint=True),
    )


async def _unpack_arguments(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """Take arguments that are JSON in a string for the object that they are.

    Raises:
        MCPError: they are none.
    """
    params = ctx.params
    given = params.get("arguments") if params and ctx.method == "tools/call" else None
    if params is not None and given is not None and not isinstance(given, dict):
        try:
            read = json.loads(given or "{}") if isinstance(given, str) else given
        except ValueError:
            read = given
        if not isinstance(read, dict):
            raise MCPError(
                code=INVALID_PARAMS,
                message='Send "arguments" as a JSON object, e.g. {"query": "where is x"}.',
            )
        ctx = replace(ctx, params={**params, "arguments": read})
    return await call_next(ctx)


def _failed(text: str) -> CallToolResult:
    short = Budget(REFUSAL_TOKENS).clip(text)
    return CallToolResult(content=[TextContent(type="text", text=short)], is_error=True)
