"""Worker links: offers a job to the workers until one has a free slot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from coco_core.errors import CocoError
from coco_server.rpc.link import LinkState, SubmitOutcome, WorkerLink
from coco_server.rpc.tls import RpcTls

__all__ = ["WorkerLinks"]

log = structlog.get_logger(__name__)


class WorkerLinks:
    """Links made on first use, in the event loop that uses them."""

    def __init__(self, addresses: Sequence[str], tls: RpcTls | None = None) -> None:
        """Prepare a link for each ``host:port``."""
        self._addresses = tuple(addresses)
        self._tls = tls
        self._links: list[WorkerLink] = []
        self._first = 0

    def __bool__(self) -> bool:
        return bool(self._addresses)

    async def submit(self, job_id: str) -> bool:
        """Hand a job to a worker; False when none takes it, and it waits in the queue.

        Workers take turns, so that one that is quick to answer does not get everything.
        """
        links = self._opened()
        self._first += 1
        for place in range(len(links)):
            link = links[(self._first + place) % len(links)]
            try:
                outcome = await link.submit(job_id)
            except CocoError as error:
                log.warning("worker_refused", address=link.address, reason=error.message)
                continue
            if outcome is not SubmitOutcome.BUSY:
                # A job that does not wait has been found by another worker.
                return True
        return False

    async def cancel(self, job_id: str) -> None:
        """Let the worker that has the job stop now; the others' heartbeat would tell it soon."""

        async def ask(link: WorkerLink) -> None:
            try:
                await link.cancel(job_id)
            except CocoError as error:
                log.warning("worker_refused", address=link.address, reason=error.message)

        await asyncio.gather(*map(ask, self._opened()))

    async def states(self) -> list[LinkState]:
        """Shake hands with all of them."""
        return list(await asyncio.gather(*(link.state() for link in self._opened())))

    async def close(self) -> None:
        """End every link."""
        links, self._links = self._links, []
        await asyncio.gather(*(link.close() for link in links))

    def _opened(self) -> list[WorkerLink]:
        if not self._links:
            self._links = [WorkerLink(address, self._tls) for address in self._addresses]
        return self._links
