"""Routes of jobs: state, events (SSE, WebSocket), rejections, cancel."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated, TypeAlias

from fastapi import FastAPI, Path, Response, WebSocket

from coco_core.errors import Forbidden
from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.jobs import JobBody, JobList, JobRejections
from coco_protocol.serving.answers import answer
from coco_protocol.serving.job_streams import (
    AfterSequence,
    add_job_streams,
    event_response,
    send_events,
)
from coco_server.api.export_stream import stream_rows
from coco_server.api.job_events import JobEventReader
from coco_server.api.releasing import ReleasingResponse
from coco_server.api.routes.parameters import Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import Caller
from coco_server.domain.serializers import job_body
from coco_server.jobs import queue
from coco_server.store import export
from coco_server.store.session import TenantSession

__all__ = ["JobsApi"]

JobPath: TypeAlias = Annotated[Identifier, Path(description="The job's id.")]


class JobsApi:
    """``/v1/jobs``."""

    def __init__(self, services: Services, reader: JobEventReader) -> None:
        self._services = services
        self._reader = reader

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
        add_job_streams(app, self.events, self.socket)

    async def jobs(self, tenant: Tenant) -> Response:
        """List the project's newest jobs, newest first."""
        caller = await self._authorize(tenant)

        def look(session: TenantSession) -> JobList:
            return JobList(
                jobs=[job_body(job) for job in queue.list_of(session, caller.scope.project_id)]
            )

        return await self._services.respond(caller, "status", look)

    async def job(self, tenant: Tenant, job_id: JobPath) -> Response:
        """Return one job with its progress."""
        caller = await self._authorize(tenant)

        def look(session: TenantSession) -> JobBody:
            return job_body(queue.get(session, caller.scope.project_id, job_id))

        return await self._services.respond(caller, "status", look)

    async def cancel(self, tenant: Tenant, job_id: JobPath) -> Response:
        """Ask a job to stop; its version is discarded, and what was active stays so."""
        caller = await self._services.authorizer.authorize(tenant, "ingest", "ingest")

        def cancel(session: TenantSession) -> JobBody:
            return job_body(queue.request_cancel(session, caller.scope.project_id, job_id))

        data = await self._services.in_org("change", caller.scope.org_id, cancel)
        await self._services.recall(job_id)
        return answer(data, caller.request_id)

    async def rejections(self, tenant: Tenant, job_id: JobPath) -> Response:
        """Return every item that the job left out with its reason, streamed."""
        caller = await self._authorize(tenant)
        if not ("ingest" in caller.key.scopes or caller.viewer.everything):
            raise Forbidden(
                "The list names documents that are not shown to everybody.",
                hint="Use a key with the scope 'ingest' or 'read_all'.",
            )

        def look(session: TenantSession) -> None:
            queue.get(session, caller.scope.project_id, job_id)

        act = caller.act("export.rejections", job_id)
        await self._services.pools.run("status", self._services.audit.in_org, act, look)
        wanted = export.rejections_as_json(caller.scope.org_id, job_id)
        return await stream_rows(self._services, caller, "rejections", wanted)

    async def events(self, tenant: Tenant, job_id: JobPath, after: AfterSequence) -> Response:
        """Follow a job: server-sent events named `job`, until it has ended.

        The event id is the sequence; a client that connects again sends `Last-Event-ID` (or
        `after`) and misses nothing. With `Upgrade: websocket` the same events come as messages.
        """
        caller = await self._authorize(tenant)
        async with AsyncExitStack() as held:
            streams = self._services.turns.streams
            await held.enter_async_context(streams.turn(caller.scope.org_id))
            feed = await self._reader.feed(caller.scope, job_id, after)
            return ReleasingResponse(event_response(feed, caller.request_id), held.pop_all())

    async def socket(
        self, tenant: Tenant, socket: WebSocket, job_id: JobPath, after: AfterSequence
    ) -> None:
        """Send a job's events as text messages, then close."""
        caller = await self._services.authorizer.authorize(tenant, "query", "query")
        # Before the socket is accepted, an error is an HTTP answer.
        async with self._services.turns.streams.turn(caller.scope.org_id):
            feed = await self._reader.feed(caller.scope, job_id, after)
            await send_events(socket, feed, self._reader.stopping)

    async def _authorize(self, tenant: Tenant) -> Caller:
        return await self._services.authorizer.authorize(tenant, "query", "query")
