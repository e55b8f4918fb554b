"""Lazy mount of `/mcp`: the first request imports the MCP SDK, which takes half a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from coco_local.mcp.http_app import McpApp
    from coco_protocol.local import LocalService

__all__ = ["McpMount"]


class McpMount:
    """Stands where the MCP application will be, and becomes it when somebody asks."""

    def __init__(self, service: LocalService) -> None:
        self._service = service
        self._app: McpApp | None = None
        self._asked = anyio.Event()
        self._ready = anyio.Event()

    def routes(self, path: str = "/mcp") -> list[Route]:
        """Return the routes for ``path`` with and without a slash at the end: no redirect."""
        return [
            Route(path, endpoint=self, include_in_schema=False),
            Route(f"{path}/", endpoint=self, include_in_schema=False),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while inside; enter it in the lifespan of the application that has the routes."""
        # Events belong to one event loop, and a lifespan is where that begins.
        self._asked, self._ready = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._serve)
            yield
            tasks.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, the first one after loading what it needs."""
        self._asked.set()
        await self._ready.wait()
        assert self._app is not None
        await self._app(scope, receive, send)

    async def _serve(self) -> None:
        await self._asked.wait()
        self._app = await anyio.to_thread.run_sync(self._load)
        async with self._app.running():
            self._ready.set()
            await anyio.sleep_forever()

    def _load(self) -> McpApp:
        from coco_local.mcp.http_app import mcp_app

        return mcp_app(self._service)
