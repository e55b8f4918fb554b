"""ASGI middleware that cancels a request's query in the database when its caller has left."""

from __future__ import annotations

import asyncio

from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coco_server.store.cancellation import CANCELLATION, Cancellation

__all__ = ["DepartureWatch"]

# Cancelling takes milliseconds; more at a time would be a flood of connections to the database.
_CANCELLING_THREADS = 4


class DepartureWatch:
    """Looks for the end of each HTTP connection while its request is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._threads = CapacityLimiter(_CANCELLING_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and watch from the end of its body to the end of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = _Connection(receive)
        cancellation = Cancellation()
        token = CANCELLATION.set(cancellation)
        watching = asyncio.create_task(self._watch(connection, cancellation))
        try:
            await self._app(scope, connection.receive, send)
        finally:
            CANCELLATION.reset(token)
            watching.cancel()
            await asyncio.wait([watching])
            if not watching.cancelled():
                watching.result()

    async def _watch(self, connection: _Connection, cancellation: Cancellation) -> None:
        await connection.closed()
        await to_thread.run_sync(cancellation.cancel, limiter=self._threads, abandon_on_cancel=True)


class _Connection:
    """What a client sends: a body, and at last that it has gone, which both readers are to hear."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._body_ended = asyncio.Event()
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        """Return the next part of the body; after the last one wait for the departure."""
        if self._body_ended.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone.set()
        if not message.get("more_body"):
            self._body_ended.set()
        return message

    async def closed(self) -> None:
        """Wait until the client has gone."""
        await self._body_ended.wait()
        while not self._gone.is_set():
            if (await self._receive())["type"] == "http.disconnect":
                self._gone.set()
