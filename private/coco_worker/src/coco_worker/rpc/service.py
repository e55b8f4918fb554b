"""gRPC methods of a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

import grpc
import numpy as np
import structlog

from coco_core.configs import EmbeddingConfig
from coco_core.errors import CocoError, InvalidInput, JobNotFound, NotFound, Unavailable
from coco_core.version import __version__
from coco_embed.resolver import ClosableEmbedder, Embedders
from coco_protocol.rpc import worker_pb2, worker_pb2_grpc
from coco_protocol.rpc.version import RPC_VERSION, RpcVersion, mismatch
from coco_server.jobs import queue
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.rpc.link import ERROR_METADATA
from coco_server.store.session import Database
from coco_worker.worker import Submitted, Worker

__all__ = ["WorkerService"]

log = structlog.get_logger(__name__)

# Without news, a follower looks at the job's row this often.
_LOOK_SECONDS = 1.0
# A caller with more texts sends several requests.
_MOST_TEXTS = 2048

_OUTCOMES = {
    Submitted.ACCEPTED: worker_pb2.SubmitResponse.ACCEPTED,
    Submitted.BUSY: worker_pb2.SubmitResponse.BUSY,
    Submitted.NOT_WAITING: worker_pb2.SubmitResponse.NOT_WAITING,
}

_STATUS: tuple[tuple[type[CocoError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
)


class WorkerService(worker_pb2_grpc.WorkerServicer):
    """Answers for one worker."""

    def __init__(
        self,
        worker: Worker,
        database: Database,
        embedders: Embedders,
        *,
        own: RpcVersion = RPC_VERSION,
    ) -> None:
        self._worker = worker
        self._database = database
        self._embedders = embedders
        self._own = own
        self._opened: dict[EmbeddingConfig, ClosableEmbedder] = {}
        self._opening = threading.Lock()

    def Handshake(  # noqa: N802 - named by the contract
        self,
        request: worker_pb2.HandshakeRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> worker_pb2.HandshakeResponse:
        """Say who this is, and whether the caller's version will do."""
        other = RpcVersion(request.version.major, request.version.minor)
        reason = mismatch(self._own, other, who=request.program or "The caller")
        return worker_pb2.HandshakeResponse(
            version=worker_pb2.Version(major=self._own.major, minor=self._own.minor),
            program=f"coco-worker {__version__}",
            accepted=reason is None,
            detail=reason or "",
            worker_id=self._worker.worker_id,
            running_jobs=self._worker.running,
            draining=self._worker.draining,
        )

    def Submit(  # noqa: N802
        self, request: worker_pb2.SubmitRequest, context: grpc.ServicerContext
    ) -> worker_pb2.SubmitResponse:
        """Take a job now."""
        with _translated_errors(context):
            outcome = self._worker.submit(request.job_id)
        log.info("job_handed_over", job_id=request.job_id, outcome=outcome)
        return worker_pb2.SubmitResponse(outcome=_OUTCOMES[outcome])

    def Cancel(  # noqa: N802
        self,
        request: worker_pb2.CancelRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> worker_pb2.CancelResponse:
        """Stop a job at its next step."""
        return worker_pb2.CancelResponse(running=self._worker.cancel(request.job_id))

    def Progress(  # noqa: N802
        self, request: worker_pb2.ProgressRequest, context: grpc.ServicerContext
    ) -> Iterator[worker_pb2.ProgressEvent]:
        """Tell how a job is doing until it has ended."""
        last = None
        while context.is_active():
            with _translated_errors(context):
                job = self._job(request.job_id)
            event = _event(job)
            if event != last:
                yield event
                last = event
            if job.state in DONE_STATES:
                return
            self._worker.wait_for_change(_LOOK_SECONDS)

    def Embed(  # noqa: N802
        self, request: worker_pb2.EmbedRequest, context: grpc.ServicerContext
    ) -> worker_pb2.EmbedResponse:
        """Turn texts into vectors."""
        with _translated_errors(context):
            if not 1 <= len(request.texts) <= _MOST_TEXTS:
                raise InvalidInput(
                    f"The request has {len(request.texts)} texts; 1 to {_MOST_TEXTS} are taken."
                )
            embedder = self._embedder(EmbeddingConfig(request.model_name, request.max_tokens))
            texts = list(request.texts)
            vectors = (
                np.stack([embedder.embed_query(text) for text in texts])
                if request.query
                else embedder.embed_documents(texts)
            )
        return worker_pb2.EmbedResponse(
            vectors=vectors.astype("<f4", copy=False).tobytes(),
            count=len(texts),
            dimension=vectors.shape[1],
        )

    def close(self) -> None:
        """Let go of the embedders."""
        with self._opening:
            opened, self._opened = self._opened, {}
        for embedder in opened.values():
            embedder.close()

    def _embedder(self, config: EmbeddingConfig) -> ClosableEmbedder:
        with self._opening:
            found = self._opened.get(config)
            if found is None:
                found = self._opened[config] = self._embedders.open(config)
            return found

    def _job(self, job_id: str) -> Job:
        with self._database.system() as session:
            found = queue.find(session, job_id)
        if found is None:
            raise JobNotFound(f"There is no job {job_id!r}.")
        return found


class _translated_errors:  # noqa: N801 - reads as a statement
    """Ends a call with the status and code of the error that the block raises."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, CocoError):
            _abort(self._context, error)


def _abort(context: grpc.ServicerContext, error: CocoError) -> NoReturn:
    status = next(
        (status for kind, status in _STATUS if isinstance(error, kind)), grpc.StatusCode.INTERNAL
    )
    context.set_trailing_metadata(((ERROR_METADATA, error.code),))
    context.abort(status, error.message)
    raise AssertionError("abort raises")


def _event(job: Job) -> worker_pb2.ProgressEvent:
    return worker_pb2.ProgressEvent(
        job_id=job.job_id,
        state=job.state,
        stage=job.stage or "",
        done=job.done,
        total=job.total or 0,
        rejected=int(job.checkpoint.get("rejected", 0)),
        error=str(job.error.get("message", "")) if job.error else "",
    )


_: Callable[[Worker, Database, Embedders], worker_pb2_grpc.WorkerServicer] = WorkerService
