"""Routes of background work: state, events (SSE, WebSocket), what was left out, cancel."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response, WebSocket

from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.jobs import JobBody, JobList, JobRejections
from coco_protocol.serving.answers import ERRORS, answer
from coco_protocol.serving.sse import EVENT_STREAM
from coco_server.api.export_stream import stream_rows
from coco_server.api.job_events import JobEventStreams
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import Caller, TenantHeaders
from coco_server.domain.serializers import job_body
from coco_server.jobs import queue
from coco_server.store import export

__all__ = ["JobsApi"]

JobPath: TypeAlias = Annotated[Identifier, Path(description="The job's id.")]

# Event sequences are counted up by one; this is the largest integer that JavaScript keeps exact.
_MAX_SEQUENCE = 2**53 - 1


def _start(
    after: Annotated[
        int, Query(ge=0, le=_MAX_SEQUENCE, description="Send only events above this sequence.")
    ] = 0,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=_MAX_SEQUENCE, description="Sent by clients that connect again."),
    ] = None,
) -> int:
    """Return after which event a stream begins."""
    return after if last_event_id is None else last_event_id


After: TypeAlias = Annotated[int, Depends(_start)]


class JobsApi:
    """``/v1/jobs``."""

    def __init__(self, services: Services, followers: JobEventStreams) -> None:
        self._services = services
        self._followers = followers

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        one = "/v1/jobs/{job_id}"
        add_routes(
            app,
            "jobs",
            ("GET", "/v1/jobs", self.jobs, Envelope[JobList]),
            ("GET", one, self.job, Envelope[JobBody]),
            ("DELETE", one, self.cancel, Envelope[JobBody]),
            ("GET", one + "/rejections", self.rejections, Envelope[JobRejections]),
        )
        app.add_api_route(
            one + "/events",
            self.events,
            response_class=Response,
            responses={
                200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}},
                204: {"description": "The job has ended and every event was sent before"},
                **ERRORS,
            },
            tags=["jobs"],
        )
        app.add_api_websocket_route(one + "/events", self.socket)

    async def jobs(
        self,
        request: Request,
        headers: TenantHeaders,
    ) -> Response:
        """List the project's newest jobs, newest first."""
        caller = await self._authorize(request, headers)

        def look() -> JobList:
            with self._services.database.tenant(caller.scope.org_id) as session:
                return JobList(
                    jobs=[job_body(job) for job in queue.list_of(session, caller.scope.project_id)]
                )

        return answer(await self._services.threads.status(look), caller.request_id)

    async def job(
        self,
        request: Request,
        job_id: JobPath,
        headers: TenantHeaders,
    ) -> Response:
        """Return one job with its progress."""
        caller = await self._authorize(request, headers)

        def look() -> JobBody:
            with self._services.database.tenant(caller.scope.org_id) as session:
                return job_body(queue.get(session, caller.scope.project_id, job_id))

        return answer(await self._services.threads.status(look), caller.request_id)

    async def cancel(
        self,
        request: Request,
        job_id: JobPath,
        headers: TenantHeaders,
    ) -> Response:
        """Ask a job to stop; its version is discarded, and what was active stays so."""
        caller = await self._services.authorizer.authorize(request, headers, "ingest", "ingest")

        def cancel() -> JobBody:
            with self._services.database.tenant(caller.scope.org_id) as session:
                return job_body(queue.request_cancel(session, caller.scope.project_id, job_id))

        data = await self._services.threads.change(cancel)
        await self._services.recall(job_id)
        return answer(data, caller.request_id)

    async def rejections(
        self,
        request: Request,
        job_id: JobPath,
        headers: TenantHeaders,
    ) -> Response:
        """Return every item that the job left out with its reason, streamed."""
        caller = await self._authorize(request, headers)

        def look() -> None:
            with self._services.database.tenant(caller.scope.org_id) as session:
                queue.get(session, caller.scope.project_id, job_id)

        await self._services.threads.status(look)
        wanted = export.rejections_as_json(caller.scope.org_id, job_id)
        return await stream_rows(self._services, caller, "rejections", wanted)

    async def events(
        self,
        request: Request,
        job_id: JobPath,
        headers: TenantHeaders,
        after: After,
    ) -> Response:
        """Follow a job: server-sent events named `job`, until it has ended.

        The event id is the sequence; a client that connects again sends `Last-Event-ID` (or
        `after`) and misses nothing. With `Upgrade: websocket` the same events come as messages.
        """
        caller = await self._authorize(request, headers)
        return await self._followers.stream(caller.scope, job_id, after, caller.request_id)

    async def socket(
        self,
        socket: WebSocket,
        job_id: JobPath,
        headers: TenantHeaders,
        after: After,
    ) -> None:
        """Send a job's events as text messages, then close."""
        caller = await self._services.authorizer.authorize(socket, headers, "query", "query")
        await self._followers.socket(socket, caller.scope, job_id, after)

    async def _authorize(self, request: Request, headers: TenantHeaders) -> Caller:
        return await self._services.authorizer.authorize(request, headers, "query", "query")
