"""Streams: a job's events and the daemon's statistics, as SSE or over a WebSocket."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from http import HTTPStatus

import anyio
from fastapi import Response, WebSocket
from starlette.status import WS_1000_NORMAL_CLOSURE, WS_1001_GOING_AWAY, WS_1011_INTERNAL_ERROR
from starlette.websockets import WebSocketDisconnect

from coco_core.errors import CocoError
from coco_local.api.workers import Workers
from coco_local.service import LocalService
from coco_protocol.errors import error_envelope
from coco_protocol.jobs import JobBody, JobEvent, JobState
from coco_protocol.serving.answers import json_bytes
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.sse import KEEP_ALIVE, event_bytes, event_stream

__all__ = ["Streams"]

# How long a thread waits for a job's next event; a stopping daemon waits for it as long.
_WAIT_SECONDS = 1.0

# Proxies and clients drop what is silent for 30 s and more.
_KEEP_ALIVE_SECONDS = 10.0

# What the TUI redraws.
_STATS_SECONDS = 1.0

_FINAL: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})


class Streams:
    """Makes the streams and ends them all when the daemon stops."""

    def __init__(self, service: LocalService, workers: Workers) -> None:
        self._service = service
        self._workers = workers
        self._closed = False

    def close(self) -> None:
        """End every stream within a second, so that the server need not break connections."""
        self._closed = True

    async def job(self, job_id: str, after: int, request_id: str) -> Response:
        """Return the events of a job above ``after``; 204 stops a browser from connecting again."""
        feed = await self._feed(job_id, after)
        if feed is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)

        async def chunks() -> AsyncIterator[bytes]:
            async for event in feed:
                yield event_bytes("job", event, event.sequence) if event else KEEP_ALIVE

        return event_stream(chunks(), request_id)

    async def job_socket(self, socket: WebSocket, job_id: str, after: int) -> None:
        """Send the events of a job above ``after``; an error before the first is an HTTP answer."""
        feed = await self._feed(job_id, after)
        await socket.accept()
        async with anyio.create_task_group() as group:

            async def listen() -> None:
                # Nothing is expected from the client; reading is how its leaving becomes known.
                try:
                    while True:
                        await socket.receive_text()
                except (WebSocketDisconnect, KeyError):
                    group.cancel_scope.cancel()

            group.start_soon(listen)
            code = WS_1000_NORMAL_CLOSURE
            try:
                async for event in feed or _nothing():
                    if event is not None:
                        await socket.send_text(json_bytes(event).decode())
                if self._closed:
                    code = WS_1001_GOING_AWAY
            except CocoError as error:
                await socket.send_text(
                    json_bytes(error_envelope(error, request_id_of(socket))).decode()
                )
                code = WS_1011_INTERNAL_ERROR
            except WebSocketDisconnect:
                return
            finally:
                group.cancel_scope.cancel()
            await socket.close(code)

    def stats(self, request_id: str) -> Response:
        """Return the statistics of every second."""

        async def chunks() -> AsyncIterator[bytes]:
            while not self._closed:
                data = await self._workers.status(self._service.stats)
                yield event_bytes("stats", data)
                await anyio.sleep(_STATS_SECONDS)

        return event_stream(chunks(), request_id)

    async def _feed(self, job_id: str, after: int) -> AsyncIterator[JobEvent | None] | None:
        """Return the events to come, or None when the job has ended and nothing is left to say.

        Raises:
            JobNotFound: there is no such job.
        """
        job = await self._workers.status(self._service.job, job_id)
        if after and job.state in _FINAL:
            known = await self._workers.status(self._service.job_events, job_id, after, 0.0)
            if not known:
                return None
        return self._events(job, after)

    async def _events(self, job: JobBody, after: int) -> AsyncIterator[JobEvent | None]:
        """Yield events until a final state; None when there was nothing for a while."""
        quiet_since = time.monotonic()
        while not self._closed:
            ended = job.state in _FINAL
            timeout = 0.0 if ended else _WAIT_SECONDS
            events = await self._workers.wait(self._service.job_events, job.job_id, after, timeout)
            for event in events:
                yield event
                after, quiet_since = event.sequence, time.monotonic()
                if event.job.state in _FINAL:
                    return
            if ended:
                # Its events are gone (or were never kept): its state is the last thing to say.
                yield JobEvent(sequence=after, job=job)
                return
            if not events:
                job = await self._workers.status(self._service.job, job.job_id)
                if time.monotonic() - quiet_since >= _KEEP_ALIVE_SECONDS:
                    quiet_since = time.monotonic()
                    yield None


async def _nothing() -> AsyncIterator[None]:
    return
    yield
