"""`coco mcp`: the MCP server on standard input and output, a client of the daemon."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from mcp.shared.exceptions import MCPError
from mcp.types import ListRootsRequest, ListRootsResult, NotificationParams

from coco_local.mcp.connection import Connection
from coco_local.mcp.paths import file_uri_path
from coco_local.mcp.scope import Caller
from coco_local.mcp.server import build_server
from coco_local.mcp.transport import stdio_streams

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from coco_local.settings import Settings

__all__ = ["run_stdio"]

log = logging.getLogger(__name__)

# Claude Code names the project's directory in it, whatever the working directory is.
PROJECT_VARIABLE = "CLAUDE_PROJECT_DIR"
# A client that offers roots and does not answer must not hold up a search.
ROOTS_TIMEOUT = 1.0


def run_stdio(settings: Settings, project: str | None) -> int:
    """Serve one client until it closes the input; return the exit code."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="coco mcp: %(levelname)s %(message)s"
    )
    places = _places()
    try:
        anyio.run(_serve, settings, project, places)
    except* (BrokenPipeError, ConnectionResetError, anyio.BrokenResourceError):
        # The client left without closing the input first; nobody is there to be told.
        log.debug("the client closed the connection")
    except* KeyboardInterrupt:
        log.debug("interrupted")
    return 0


async def _serve(settings: Settings, project: str | None, places: tuple[Path, ...]) -> None:
    roots = _Roots(places)

    async def caller_of(context: ServerRequestContext[Any, Any]) -> Caller:
        if project is not None:
            return Caller(project=project, places=places)
        return Caller(places=await roots.of(context))

    daemon = Connection(settings)
    server = build_server(daemon, caller_of)
    server.add_notification_handler(
        "notifications/roots/list_changed", NotificationParams, roots.changed
    )
    with closing(daemon):
        async with stdio_streams() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


def _places() -> tuple[Path, ...]:
    """Return the directories this process works in, the most telling first."""
    places = []
    named = os.environ.get(PROJECT_VARIABLE)
    if named and Path(named).is_dir():
        places.append(Path(named).resolve())
    try:
        places.append(Path.cwd())
    except OSError:
        # The directory was deleted under us; the client's roots or --project decide then.
        log.warning("the working directory does not exist any more")
    return tuple(dict.fromkeys(places))


class _Roots:
    """The client's workspace roots, asked for once; before them come no others."""

    def __init__(self, places: tuple[Path, ...]) -> None:
        self._places = places
        self._roots: tuple[Path, ...] | None = None

    async def of(self, context: ServerRequestContext[Any, Any]) -> tuple[Path, ...]:
        """Return where the caller works."""
        if self._roots is None:
            self._roots = await self._ask(context)
        return tuple(dict.fromkeys((*self._roots, *self._places)))

    async def changed(self, _: ServerRequestContext[Any, Any], __: NotificationParams) -> None:
        """Ask again at the next call."""
        self._roots = None

    async def _ask(self, context: ServerRequestContext[Any, Any]) -> tuple[Path, ...]:
        offered = context.session.client_capabilities
        if offered is None or offered.roots is None or not context.session.can_send_request:
            return ()
        try:
            with anyio.fail_after(ROOTS_TIMEOUT):
                answer = await context.session.send_request(ListRootsRequest(), ListRootsResult)
        except (MCPError, TimeoutError) as error:
            log.warning("the client did not list its roots: %s", error)
            return ()
        paths = (file_uri_path(str(root.uri)) for root in answer.roots)
        return tuple(path for path in paths if path is not None)
