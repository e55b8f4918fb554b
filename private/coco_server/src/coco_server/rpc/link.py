"""Worker link: handshake, then jobs, progress, and vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

import grpc
import grpc.aio
import numpy as np
import structlog

from coco_core.configs import EmbeddingConfig
from coco_core.errors import CocoError, Unavailable
from coco_core.types import FloatMatrix
from coco_core.version import __version__
from coco_protocol.errors import ERROR_CLASSES
from coco_protocol.rpc import worker_pb2, worker_pb2_grpc
from coco_protocol.rpc.version import RPC_VERSION, VERSION_METADATA, RpcVersion, mismatch
from coco_server.rpc.tls import RpcTls

__all__ = [
    "ERROR_METADATA",
    "MESSAGE_BYTES",
    "LinkState",
    "LinkStatus",
    "SubmitOutcome",
    "WorkerLink",
]

log = structlog.get_logger(__name__)

ERROR_METADATA = "coco-error-code"
"""Trailing metadata of a refused call: the code of the error, as in the HTTP envelope."""

MESSAGE_BYTES = 67_108_864
"""Largest message: 10,000 vectors of 1,536 numbers."""

# Handing over a job is one short transaction there; a worker that takes longer is not well, and
# the queue has the job in any case.
_CALL_SECONDS = 5.0
_HANDSHAKE_SECONDS = 2.0


class SubmitOutcome(StrEnum):
    """What a worker made of a job that it was handed."""

    ACCEPTED = "accepted"
    BUSY = "busy"
    NOT_WAITING = "not_waiting"


_OUTCOMES = {
    worker_pb2.SubmitResponse.ACCEPTED: SubmitOutcome.ACCEPTED,
    worker_pb2.SubmitResponse.BUSY: SubmitOutcome.BUSY,
    worker_pb2.SubmitResponse.NOT_WAITING: SubmitOutcome.NOT_WAITING,
}


class LinkStatus(StrEnum):
    """What health says of a worker."""

    READY = "ready"
    DRAINING = "draining"
    UNREACHABLE = "unreachable"
    VERSION_MISMATCH = "version_mismatch"


@dataclass(frozen=True, slots=True)
class LinkState:
    """A worker as the last handshake found it."""

    address: str
    status: LinkStatus
    detail: str = ""
    """What is wrong, and what to do."""
    program: str = ""
    version: str = ""
    """Of the gRPC contract, as the worker said it."""
    running_jobs: int = 0

    @property
    def usable(self) -> bool:
        """Whether calls may be made."""
        return self.status in (LinkStatus.READY, LinkStatus.DRAINING)


class WorkerLink:
    """Calls to one worker; used from one event loop."""

    def __init__(
        self, address: str, tls: RpcTls | None = None, *, own: RpcVersion = RPC_VERSION
    ) -> None:
        """Prepare; connects with the first call.

        Args:
            address: ``host:port``.
            tls: How to encrypt; None is plain text.
            own: The version of the contract that this side speaks.
        """
        self.address = address
        self._own = own
        options = [
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            # A dead peer is noticed between calls, too.
            ("grpc.keepalive_time_ms", 30_000),
        ]
        encrypted = tls is not None and tls.configured
        self._channel = (
            grpc.aio.secure_channel(address, tls.for_client(), options)
            if tls is not None and encrypted
            else grpc.aio.insecure_channel(address, options)
        )
        self._stub = worker_pb2_grpc.WorkerStub(self._channel)
        self._metadata = ((VERSION_METADATA, str(own)),)
        self._greeted = False

    async def state(self) -> LinkState:
        """Shake hands, and say how the worker is; never raises."""
        try:
            answer = await self._stub.Handshake(
                worker_pb2.HandshakeRequest(
                    version=worker_pb2.Version(major=self._own.major, minor=self._own.minor),
                    program=f"coco-server {__version__}",
                ),
                timeout=_HANDSHAKE_SECONDS,
            )
        except grpc.aio.AioRpcError as error:
            self._greeted = False
            # Its details hold addresses, and health is open to everybody.
            log.warning("worker_unreachable", address=self.address, reason=error.details())
            return LinkState(self.address, LinkStatus.UNREACHABLE, error.code().name)
        other = RpcVersion(answer.version.major, answer.version.minor)
        reason = mismatch(self._own, other, who="The worker")
        if reason is None and not answer.accepted:
            reason = answer.detail
        status = LinkStatus.DRAINING if answer.draining else LinkStatus.READY
        self._greeted = reason is None
        return LinkState(
            self.address,
            status if reason is None else LinkStatus.VERSION_MISMATCH,
            reason or "",
            answer.program,
            str(other),
            answer.running_jobs,
        )

    async def submit(self, job_id: str) -> SubmitOutcome:
        """Hand a job over.

        Raises:
            Unavailable: the worker cannot be reached, or must not be used.
        """
        async with self._call():
            answer = await self._stub.Submit(
                worker_pb2.SubmitRequest(job_id=job_id),
                timeout=_CALL_SECONDS,
                metadata=self._metadata,
            )
        return _OUTCOMES.get(answer.outcome, SubmitOutcome.BUSY)

    async def cancel(self, job_id: str) -> bool:
        """Stop a job at its next step; returns whether it runs there.

        Raises:
            Unavailable: the worker cannot be reached, or must not be used.
        """
        async with self._call():
            answer = await self._stub.Cancel(
                worker_pb2.CancelRequest(job_id=job_id),
                timeout=_CALL_SECONDS,
                metadata=self._metadata,
            )
        return bool(answer.running)

    async def progress(self, job_id: str) -> AsyncIterator[worker_pb2.ProgressEvent]:
        """Yield the job as it is and then every change, until it has ended.

        Raises:
            JobNotFound: there is no such job.
            Unavailable: the worker cannot be reached, or must not be used.
        """
        async with self._call():
            call = self._stub.Progress(
                worker_pb2.ProgressRequest(job_id=job_id), metadata=self._metadata
            )
            async for event in call:
                yield event

    async def embed(
        self,
        texts: Sequence[str],
        config: EmbeddingConfig,
        *,
        query: bool = False,
        seconds: float = _CALL_SECONDS,
    ) -> FloatMatrix:
        """Return float32[n, d] of the model that the worker would ingest with.

        Raises:
            InvalidConfig: the worker has no such model.
            Unavailable: the worker cannot be reached, or must not be used.
        """
        async with self._call():
            answer = await self._stub.Embed(
                worker_pb2.EmbedRequest(
                    texts=texts,
                    model_name=config.model_name,
                    max_tokens=config.max_tokens,
                    query=query,
                ),
                timeout=seconds,
                metadata=self._metadata,
            )
        vectors = np.frombuffer(answer.vectors, "<f4").astype(np.float32, copy=False)
        return vectors.reshape(answer.count, answer.dimension)

    async def close(self) -> None:
        """End calls in progress and the connection."""
        await self._channel.close()

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """Shake hands before the first call, and turn gRPC's errors into CoCo's."""
        if not self._greeted:
            state = await self.state()
            if not state.usable:
                raise Unavailable(
                    f"The worker at {self.address} cannot be used: {state.detail}",
                    hint="See GET /v1/sys/health.",
                )
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise self._error(error) from error

    def _error(self, error: grpc.aio.AioRpcError) -> CocoError:
        # Whatever listens there after a fault may be another program.
        self._greeted = False
        code = {str(key): str(value) for key, value in error.trailing_metadata() or ()}.get(
            ERROR_METADATA
        )
        kind = ERROR_CLASSES.get(code or "")
        if kind is not None:
            return kind(error.details() or None)
        return Unavailable(
            f"The worker at {self.address} gave no answer ({error.code().name}: {error.details()})."
        )
