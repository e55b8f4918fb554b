"""Streams: a job's events and the daemon's statistics, as SSE or over a WebSocket."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, TypeAlias

import anyio
from fastapi import FastAPI, Header, Path, Query, Request, Response, WebSocket
from starlette.status import WS_1000_NORMAL_CLOSURE, WS_1001_GOING_AWAY, WS_1011_INTERNAL_ERROR
from starlette.websockets import WebSocketDisconnect

from coco_core.errors import CocoError
from coco_local.api.service import DaemonService
from coco_local.api.workers import Workers
from coco_protocol.base import Identifier
from coco_protocol.errors import error_envelope
from coco_protocol.jobs import JobBody, JobEvent, JobRequest, JobState
from coco_protocol.serving.answers import json_bytes, text_answer
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.sse import EVENT_STREAM, KEEP_ALIVE, event_bytes, event_stream

__all__ = ["Streams"]

# How long a thread waits for a job's next event; a stopping daemon waits for it as long.
_WAIT_SECONDS = 1.0

# Proxies and clients drop what is silent for 30 s and more.
_KEEP_ALIVE_SECONDS = 10.0

# What the TUI redraws.
_STATS_SECONDS = 1.0

_FINAL: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})


# Event sequences are counted up by one; this is the largest integer that JavaScript keeps exact.
_MAX_SEQUENCE = 2**53 - 1

_JobId: TypeAlias = Annotated[Identifier, Path(description="The job's id.")]
_After: TypeAlias = Annotated[
    int, Query(ge=0, le=_MAX_SEQUENCE, description="Send only events above this sequence.")
]
_LastEventId: TypeAlias = Annotated[
    int | None,
    Header(ge=0, le=_MAX_SEQUENCE, description="Sent by browsers that connect again."),
]


class Streams:
    """Makes the streams and ends them all when the daemon stops."""

    def __init__(self, service: DaemonService, workers: Workers) -> None:
        self._service = service
        self._workers = workers
        self._closed = False

    def add_to(self, app: FastAPI) -> None:
        """Add the streams' routes to ``app``."""
        sent = text_answer(EVENT_STREAM)
        path = "/v1/jobs/{job_id}/events"
        over = "The job has ended and every event was sent before"
        app.add_api_route(
            path,
            self.job_events,
            response_class=Response,
            responses={204: {"description": over}, **sent},
            tags=["jobs"],
        )
        app.add_api_websocket_route(path, self.job_socket)
        app.add_api_route(
            "/v1/sys/stats/stream",
            self.stats_stream,
            response_class=Response,
            responses=sent,
            tags=["system"],
        )

    def close(self) -> None:
        """End every stream within a second, so that the server need not break connections."""
        self._closed = True

    @property
    def _ending(self) -> bool:
        return self._closed or self._service.stop_requested.is_set()

    async def job_events(
        self,
        request: Request,
        job_id: _JobId,
        after: _After = 0,
        last_event_id: _LastEventId = None,
    ) -> Response:
        """Follow a job: server-sent events named `job`, until it has ended.

        The event id is the sequence; a client that connects again sends `Last-Event-ID` (or
        `after`) and misses nothing. With `Upgrade: websocket` the same events come as messages.
        """
        feed = await self._feed(job_id, after if last_event_id is None else last_event_id)
        if feed is None:
            # It stops a browser from connecting again.
            return Response(status_code=HTTPStatus.NO_CONTENT)

        async def chunks() -> AsyncIterator[bytes]:
            async for event in feed:
                yield event_bytes("job", event, event.sequence) if event else KEEP_ALIVE

        return event_stream(chunks(), request_id_of(request))

    async def job_socket(
        self,
        socket: WebSocket,
        job_id: _JobId,
        after: _After = 0,
        last_event_id: _LastEventId = None,
    ) -> None:
        """Send a job's events as text messages, then close."""
        # Before it is accepted, an error is an HTTP answer.
        feed = await self._feed(job_id, after if last_event_id is None else last_event_id)
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
                if self._ending:
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

    async def stats_stream(self, request: Request) -> Response:
        """Send the statistics every second, as server-sent events named `stats`."""

        async def chunks() -> AsyncIterator[bytes]:
            while not self._ending:
                data = await self._workers.run("status", self._service.stats)
                yield event_bytes("stats", data)
                await anyio.sleep(_STATS_SECONDS)

        return event_stream(chunks(), request_id_of(request))

    async def _feed(self, job_id: str, after: int) -> AsyncIterator[JobEvent | None] | None:
        """Return the events to come, or None when the job has ended and nothing is left to say.

        Raises:
            JobNotFound: there is no such job.
        """
        job = await self._workers.run("status", self._service.job, JobRequest(job_id=job_id))
        if after and job.state in _FINAL:
            known = await self._workers.wait(self._service.wait_job_events, job_id, after, 0.0)
            if not known:
                return None
        return self._events(job, after)

    async def _events(self, job: JobBody, after: int) -> AsyncIterator[JobEvent | None]:
        """Yield events until a final state; None when there was nothing for a while."""
        quiet_since = time.monotonic()
        while not self._ending:
            ended = job.state in _FINAL
            timeout = 0.0 if ended else _WAIT_SECONDS
            events = await self._workers.wait(
                self._service.wait_job_events, job.job_id, after, timeout
            )
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
                seen = JobRequest(job_id=job.job_id)
                job = await self._workers.run("status", self._service.job, seen)
                if time.monotonic() - quiet_since >= _KEEP_ALIVE_SECONDS:
                    quiet_since = time.monotonic()
                    yield None


async def _nothing() -> AsyncIterator[None]:
    return
    yield
