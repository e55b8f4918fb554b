"""Events of jobs, read from the database from any number on, until the job has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import anyio

from coco_protocol.server.jobs import JobEvent
from coco_protocol.serving.job_streams import KEEP_ALIVE_SECONDS
from coco_server.api.services import Services
from coco_server.domain.serializers import event_body
from coco_server.jobs import events, queue
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.store.session import Scope

__all__ = ["JobEventReader"]

# How long a reader waits for a wake-up before it looks by itself: what a lost one costs.
_LOOK_SECONDS = 2.0

# How soon a stream notices that the service stops.
_STOP_SECONDS = 0.25


class JobEventReader:
    """Makes feeds of events, and ends them all when the service stops."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def stopping(self) -> bool:
        """Whether feeds end because the service does."""
        return self._services.stopping

    async def feed(
        self, scope: Scope, job_id: str, after: int
    ) -> AsyncIterator[JobEvent | None] | None:
        """Return the events to come, or None when the job has ended and nothing is left to say.

        Raises:
            JobNotFound: the scope's project has no such job.
        """
        job, found = await self._services.pools.run("status", self._look, scope, job_id, after)
        if after and job.state in DONE_STATES and not found:
            return None
        return self._events(scope, job_id, after, job, found)

    async def _events(
        self, scope: Scope, job_id: str, after: int, job: Job, found: list[JobEvent]
    ) -> AsyncIterator[JobEvent | None]:
        """Yield events until the job has ended; None when there was nothing for a while."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def callback() -> None:
            loop.call_soon_threadsafe(news.set)

        leave = self._services.event_listener.subscribe(job_id, callback)
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
                if time.monotonic() - quiet_since >= KEEP_ALIVE_SECONDS:
                    quiet_since = time.monotonic()
                    yield None
                await self._wait(news)
            news.clear()
            job, found = await self._services.pools.run(
                "status", self._look, scope, job.job_id, after
            )

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
