"""Streams over SSE or WebSocket: job events, and statistics of the daemon."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, TypeAlias

import anyio
from fastapi import FastAPI, Path, Request, Response, WebSocket

from coco_local.api.service import DaemonService
from coco_protocol.base import Identifier
from coco_protocol.jobs import JobBody, JobEvent, JobRequest, JobState
from coco_protocol.serving.answers import text_answer
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.job_streams import (
    KEEP_ALIVE_SECONDS,
    AfterSequence,
    add_job_streams,
    event_response,
    send_events,
)
from coco_protocol.serving.pools import ThreadPools
from coco_protocol.serving.sse import EVENT_STREAM, event_bytes, event_stream

__all__ = ["Streams"]

# How long a thread waits for a job's next event; a stopping daemon waits for it as long.
_WAIT_SECONDS = 1.0

# What the TUI redraws.
_STATS_SECONDS = 1.0

_FINAL: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})

_JobId: TypeAlias = Annotated[Identifier, Path(description="The job's id.")]


class Streams:
    """Makes the streams and ends them all when the daemon stops."""

    def __init__(self, service: DaemonService, pools: ThreadPools) -> None:
        self._service = service
        self._pools = pools
        self._closed = False

    def add_to(self, app: FastAPI) -> None:
        """Add the streams' routes to ``app``."""
        add_job_streams(app, self.job_events, self.job_socket)
        app.add_api_route(
            "/v1/sys/stats/stream",
            self.stats_stream,
            response_class=Response,
            responses=text_answer(EVENT_STREAM),
            tags=["system"],
        )

    def close(self) -> None:
        """End every stream within a second, so that the server need not break connections."""
        self._closed = True

    def _ending(self) -> bool:
        return self._closed or self._service.stop_requested.is_set()

    async def job_events(self, request: Request, job_id: _JobId, after: AfterSequence) -> Response:
        """Follow a job: server-sent events named `job`, until it has ended.

        The event id is the sequence; a client that connects again sends `Last-Event-ID` (or
        `after`) and misses nothing. With `Upgrade: websocket` the same events come as messages.
        """
        return event_response(await self._feed(job_id, after), request_id_of(request))

    async def job_socket(self, socket: WebSocket, job_id: _JobId, after: AfterSequence) -> None:
        """Send a job's events as text messages, then close."""
        # Before the socket is accepted, an error is an HTTP answer.
        await send_events(socket, await self._feed(job_id, after), self._ending)

    async def stats_stream(self, request: Request) -> Response:
        """Send the statistics every second, as server-sent events named `stats`."""

        async def chunks() -> AsyncIterator[bytes]:
            while not self._ending():
                data = await self._pools.run("status", self._service.stats)
                yield event_bytes("stats", data)
                await anyio.sleep(_STATS_SECONDS)

        return event_stream(chunks(), request_id_of(request))

    async def _feed(self, job_id: str, after: int) -> AsyncIterator[JobEvent | None] | None:
        """Return the events to come, or None when the job has ended and nothing is left to say.

        Raises:
            JobNotFound: there is no such job.
        """
        job = await self._pools.run("status", self._service.job, JobRequest(job_id=job_id))
        if after and job.state in _FINAL:
            known = await self._pools.wait(self._service.wait_job_events, job_id, after, 0.0)
            if not known:
                return None
        return self._events(job, after)

    async def _events(self, job: JobBody, after: int) -> AsyncIterator[JobEvent | None]:
        """Yield events until a final state; None when there was nothing for a while."""
        quiet_since = time.monotonic()
        while not self._ending():
            ended = job.state in _FINAL
            timeout = 0.0 if ended else _WAIT_SECONDS
            events = await self._pools.wait(
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
                job = await self._pools.run("status", self._service.job, seen)
                if time.monotonic() - quiet_since >= KEEP_ALIVE_SECONDS:
                    quiet_since = time.monotonic()
                    yield None
