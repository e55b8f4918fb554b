"""Routes of background work, with its events as SSE and over a WebSocket at the same path."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import FastAPI, Header, Path, Query, Request, Response, WebSocket

from coco_local.api.streaming import Streams
from coco_local.api.workers import Workers
from coco_local.service import LocalService
from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.jobs import JobBody, JobList
from coco_protocol.serving.answers import ERRORS, answer
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.sse import EVENT_STREAM

__all__ = ["JobsApi"]

JobId: TypeAlias = Annotated[Identifier, Path(description="The job's id.")]

# Event sequences are counted up by one; this is the largest integer that JavaScript keeps exact.
_MAX_SEQUENCE = 2**53 - 1

After: TypeAlias = Annotated[
    int, Query(ge=0, le=_MAX_SEQUENCE, description="Send only events above this sequence.")
]
LastEventId: TypeAlias = Annotated[
    int | None,
    Header(ge=0, le=_MAX_SEQUENCE, description="Sent by browsers that connect again."),
]


class JobsApi:
    """``/v1/jobs``."""

    def __init__(self, service: LocalService, workers: Workers, streams: Streams) -> None:
        self._service = service
        self._workers = workers
        self._streams = streams

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        for path, endpoint, method, model in (
            ("/v1/jobs", self.jobs, "GET", Envelope[JobList]),
            ("/v1/jobs/{job_id}", self.job, "GET", Envelope[JobBody]),
            ("/v1/jobs/{job_id}", self.cancel_job, "DELETE", Envelope[JobBody]),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=[method],
                response_model=model,
                responses=ERRORS,
                tags=["jobs"],
            )
        app.add_api_route(
            "/v1/jobs/{job_id}/events",
            self.job_events,
            response_class=Response,
            responses={
                200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}},
                204: {"description": "The job has ended and every event was sent before"},
                **ERRORS,
            },
            tags=["jobs"],
        )
        app.add_api_websocket_route("/v1/jobs/{job_id}/events", self.job_socket)

    async def jobs(self, request: Request) -> Response:
        """List all jobs, newest first."""
        return answer(await self._workers.status(self._service.jobs), request_id_of(request))

    async def job(self, request: Request, job_id: JobId) -> Response:
        """Return one job with its progress."""
        data = await self._workers.status(self._service.job, job_id)
        return answer(data, request_id_of(request))

    async def cancel_job(self, request: Request, job_id: JobId) -> Response:
        """Ask a job to stop; what it has written stays and is consistent."""
        data = await self._workers.change(self._service.cancel_job, job_id)
        return answer(data, request_id_of(request))

    async def job_events(
        self,
        request: Request,
        job_id: JobId,
        after: After = 0,
        last_event_id: LastEventId = None,
    ) -> Response:
        """Follow a job: server-sent events named `job`, until it has ended.

        The event id is the sequence; a client that connects again sends `Last-Event-ID` (or
        `after`) and misses nothing. With `Upgrade: websocket` the same events come as messages.
        """
        start = after if last_event_id is None else last_event_id
        return await self._streams.job(job_id, start, request_id_of(request))

    async def job_socket(
        self,
        socket: WebSocket,
        job_id: JobId,
        after: After = 0,
        last_event_id: LastEventId = None,
    ) -> None:
        """Send a job's events as text messages, then close."""
        start = after if last_event_id is None else last_event_id
        await self._streams.job_socket(socket, job_id, start)
