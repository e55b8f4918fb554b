"""Following jobs: events from the database, as SSE or over a WebSocket, from any number on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from http import HTTPStatus

import anyio
from fastapi import Response, WebSocket
from starlette.status import WS_1000_NORMAL_CLOSURE, WS_1001_GOING_AWAY, WS_1011_INTERNAL_ERROR
from starlette.websockets import WebSocketDisconnect

from coco_core.errors import CocoError
from coco_protocol.errors import error_envelope
from coco_protocol.server.jobs import JobEvent
from coco_protocol.serving.answers import json_bytes
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.sse import KEEP_ALIVE, event_bytes, event_stream
from coco_server.api.services import Services
from coco_server.domain.serializers import event_body
from coco_server.jobs import events, queue
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.store.session import Scope

__all__ = ["JobEventStreams"]

# How long a follower waits for a wake-up before it looks by itself: what a lost one costs.
_LOOK_SECONDS = 2.0

# How soon a stream notices that the service stops.
_STOP_SECONDS = 0.25

# Proxies and clients drop what is silent for 30 s and more.
_KEEP_ALIVE_SECONDS = 10.0


class JobEventStreams:
    """Makes the streams and ends them all when the service stops."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def stream(self, scope: Scope, job_id: str, after: int, request_id: str) -> Response:
        """Return a job's events above ``after``; 204 stops a browser from connecting again."""
        feed = await self._feed(scope, job_id, after)
        if feed is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)

        async def chunks() -> AsyncIterator[bytes]:
            async for event in feed:
                yield event_bytes("job", event, event.sequence) if event else KEEP_ALIVE

        return event_stream(chunks(), request_id)

    async def socket(self, socket: WebSocket, scope: Scope, job_id: str, after: int) -> None:
        """Send a job's events above ``after``; an error before the first is an HTTP answer."""
        feed = await self._feed(scope, job_id, after)
        await socket.accept()
        code = WS_1000_NORMAL_CLOSURE
        async with anyio.create_task_group() as group:

            async def listen() -> None:
                # Nothing is expected from the client; reading is how its leaving becomes known.
                try:
                    while True:
                        await socket.receive_text()
                except (WebSocketDisconnect, KeyError):
                    group.cancel_scope.cancel()

            group.start_soon(listen)
            code = await self._send(socket, feed)
            group.cancel_scope.cancel()
        # A client that has left cannot be told of the end, and needs not be.
        with contextlib.suppress(WebSocketDisconnect):
            await socket.close(code)

    async def _send(self, socket: WebSocket, feed: AsyncIterator[JobEvent | None] | None) -> int:
        """Send the events; returns the code to close with."""
        try:
            async for event in feed or _nothing():
                if event is not None:
                    await socket.send_text(json_bytes(event).decode())
        except CocoError as error:
            envelope = error_envelope(error, request_id_of(socket))
            await socket.send_text(json_bytes(envelope).decode())
            return WS_1011_INTERNAL_ERROR
        except WebSocketDisconnect:
            return WS_1000_NORMAL_CLOSURE
        return WS_1001_GOING_AWAY if self._services.stopping else WS_1000_NORMAL_CLOSURE

    async def _feed(
        self, scope: Scope, job_id: str, after: int
    ) -> AsyncIterator[JobEvent | None] | None:
        """Return the events to come, or None when the job has ended and nothing is left to say.

        Raises:
            JobNotFound: the scope's project has no such job.
        """
        job, found = await self._services.threads.status(self._look, scope, job_id, after)
        if after and job.state in DONE_STATES and not found:
            return None
        return self._events(scope, job_id, after, job, found)

    async def _events(
        self, scope: Scope, job_id: str, after: int, job: Job, found: list[JobEvent]
    ) -> AsyncIterator[JobEvent | None]:
        """Yield events until the job has ended; None when there was nothing for a while."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def woken() -> None:
            loop.call_soon_threadsafe(news.set)

        leave = self._services.watch.follow(job_id, woken)
        try:
            async for event in self._until_end(scope, job, found, after=after, news=news):
                yield event
        finally:
            leave()

    async def _until_end(
        self,
        scope: Scope,
        job: Job,
        found: list[JobEvent],
        *,
        after: int,
        news: asyncio.Event,
    ) -> AsyncIterator[JobEvent | None]:
        quiet_since = time.monotonic()
        while True:
            for event in found:
                yield event
                after, quiet_since = event.sequence, time.monotonic()
            # The job was read before its events: once it has ended, these were the last.
            if (job.state in DONE_STATES and not found) or self._services.stopping:
                return
            if not found:
                if time.monotonic() - quiet_since >= _KEEP_ALIVE_SECONDS:
                    quiet_since = time.monotonic()
                    yield None
                await self._wait(news)
            news.clear()
            job, found = await self._services.threads.status(self._look, scope, job.job_id, after)

    async def _wait(self, news: asyncio.Event) -> None:
        """Wait for news, for the time to look anyway, or for the service's stop."""
        deadline = time.monotonic() + _LOOK_SECONDS
        while not self._services.stopping and time.monotonic() < deadline:
            with anyio.move_on_after(_STOP_SECONDS):
                await news.wait()
                return

    def _look(self, scope: Scope, job_id: str, after: int) -> tuple[Job, list[JobEvent]]:
        with self._services.database.tenant(scope.org_id) as session:
            job = queue.get(session, scope.project_id, job_id)
            found = events.read(session, job_id, after=after)
        return job, [event_body(event) for event in found]


async def _nothing() -> AsyncIterator[None]:
    return
    yield
