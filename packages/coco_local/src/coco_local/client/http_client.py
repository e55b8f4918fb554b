"""HTTP client of the daemon, for the CLI, the MCP shim and the TUI.

Errors are the classes of `coco_core.errors` that the service raised.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from coco_core.errors import CocoError, Conflict, DaemonNotRunning, Unavailable
from coco_local.client.transport import NOT_RUNNING, HttpTransport, not_coco_error
from coco_protocol.base import Answer, Request
from coco_protocol.envelope import API_VERSION, SIGNATURE, Meta
from coco_protocol.jobs import JobEvent, JobRequest
from coco_protocol.local import LocalService
from coco_protocol.operations import Operation
from coco_protocol.system import StatsData

if TYPE_CHECKING:
    from coco_local.settings import Settings

__all__ = ["FINAL_STATES", "Client"]

FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})
"""States after which a job sends no more events."""

# The service sends something at least every 10 s; missing three times in a row is no accident.
_SILENCE_SECONDS = 30.0

# Health is answered at once whatever else goes on; what is silent for so long is not CoCo.
_HEALTH_SECONDS = 5.0

# A stream that breaks is picked up where it was; a service that breaks it each time is ill.
_MAX_RECONNECTS = 5

Q = TypeVar("Q", bound=Request)
A = TypeVar("A", bound=Answer)


class Client(LocalService):
    """One daemon, or any service that speaks its protocol; thread-safe."""

    def __init__(self, base_url: str, api_key: str | None = None, *, timeout: float = 30.0) -> None:
        self._transport = HttpTransport(base_url, api_key=api_key, timeout=timeout)
        self._greeting = threading.Lock()
        self._greeted = False
        self._home: str | None = None
        self.meta = Meta()
        """The meta of the last answer."""

    @classmethod
    def discover(cls, settings: Settings, *, timeout: float = 30.0) -> Client:
        """Return a client of the daemon that serves this home: the lock says where it listens."""
        from coco_local.client.address import daemon_url

        client = cls(daemon_url(settings), settings.api_key, timeout=timeout)
        if not settings.exposed:
            # Another home's daemon knows other projects; on another machine homes say nothing.
            client._home = os.path.realpath(settings.home.root)
        return client

    @property
    def base_url(self) -> str:
        """Where the service is expected."""
        return self._transport.base_url

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, operation: Operation[Q, A], request: Q) -> A:
        """Ask the service, after making sure once that it is CoCo and speaks this protocol."""
        # Health is what the service is known by: it is checked each time, and quickly.
        introduces = operation.name == LocalService.health.name
        if not introduces:
            self._greet()
        body = operation.body_of(request)
        answer = self._transport.request(
            operation.method,
            operation.path.format(
                **{name: _segment(getattr(request, name)) for name in operation.in_path}
            ),
            # Fields that were not set stay unsent: an older service need not know them.
            query=request.model_dump(include=set(operation.in_query), exclude_unset=True),
            body=body.model_dump_json(exclude_unset=True) if body is not None else None,
            timeout=_HEALTH_SECONDS if introduces else None,
        )
        if introduces:
            self._recognize(answer.get("data"))
        read = self._read(operation, answer)
        self._greeted = True
        return read

    def stats_events(self) -> Iterator[StatsData]:
        """Yield the statistics of every second until the service stops."""
        return self._stream(StatsData, "/v1/sys/stats/stream")

    def job_events(self, job_id: str, after: int = 0) -> Iterator[JobEvent]:
        """Yield a job's events until its final one; a broken stream is picked up where it was."""
        failures = 0
        while True:
            try:
                for event in self._events(job_id, after):
                    yield event
                    after, failures = event.sequence, 0
                    if event.job.state in FINAL_STATES:
                        return
            except DaemonNotRunning:
                raise
            except Unavailable:
                failures += 1
                if failures >= _MAX_RECONNECTS:
                    raise
            else:
                # The service ended the stream: either the job is over, or it is going down.
                if self.job(JobRequest(job_id=job_id)).state in FINAL_STATES:
                    return
                failures += 1
                if failures >= _MAX_RECONNECTS:
                    raise Unavailable(
                        f"The events of the job {job_id!r} are interrupted again and again.",
                        hint=f"Look at it without events: coco jobs {job_id}",
                    )

    def _events(self, job_id: str, after: int) -> Iterator[JobEvent]:
        return self._stream(
            JobEvent,
            f"/v1/jobs/{_segment(job_id)}/events",
            {"after": after},
        )

    def _stream(
        self, kind: type[A], path: str, query: Mapping[str, object] | None = None
    ) -> Iterator[A]:
        self._greet()
        for _, data in self._transport.events(path, query=query, silence=_SILENCE_SECONDS):
            try:
                yield kind.model_validate_json(data)
            except ValidationError as error:
                raise _mismatch(error) from error

    def _greet(self) -> None:
        """Once per client: make sure that the program at the other end is the right one."""
        if self._greeted:
            return
        with self._greeting:
            if not self._greeted:
                self.health()

    def _recognize(self, health: object) -> None:
        """Make sure that what answered is the service of this client; raise what else it is."""
        if not isinstance(health, dict) or health.get("signature") != SIGNATURE:
            raise not_coco_error(self.base_url)
        spoken = health.get("api_version")
        if spoken != API_VERSION:
            raise Conflict(
                f"The running CoCo service speaks version {spoken!r} of the protocol, "
                f"this program version {API_VERSION}.",
                hint="They come from different installations: coco restart",
                details={"service": spoken, "client": API_VERSION},
            )
        home = str(health.get("home"))
        if self._home is not None and os.path.realpath(home) != self._home:
            raise DaemonNotRunning(
                NOT_RUNNING,
                hint=f"What listens at {self.base_url} serves another home, {home!r}; this "
                f"one is {self._home!r} (COCO_HOME). They need different ports (COCO_PORT).",
                details={"url": self.base_url, "home": home},
            )

    def _read(self, operation: Operation[Q, A], answer: dict[str, object]) -> A:
        try:
            read = operation.answer.model_validate(
                answer if operation.brings_meta else answer.get("data")
            )
            self.meta = Meta.model_validate(answer.get("meta") or {})
        except ValidationError as error:
            raise _mismatch(error) from error
        return read


def _segment(text: str) -> str:
    return quote(text, safe="")


def _mismatch(error: ValidationError) -> CocoError:
    return Unavailable(
        f"The service's answer is not what this version of CoCo reads ({error.error_count()} "
        f"differences, the first at {error.errors()[0]['loc']!r}).",
        hint="Service and program come from different installations: coco restart",
    )
