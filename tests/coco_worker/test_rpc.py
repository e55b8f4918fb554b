from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from coco_core.configs import EmbeddingConfig
from coco_core.errors import InvalidConfig, InvalidInput, JobNotFound, PortTaken, Unavailable
from coco_protocol.rpc import worker_pb2, worker_pb2_grpc
from coco_protocol.rpc.version import RPC_VERSION, RpcVersion
from coco_server.rpc.link import LinkStatus, SubmitOutcome, WorkerLink
from coco_server.rpc.links import WorkerLinks
from coco_server.rpc.tls import RpcTls
from coco_worker.pipeline import IngestDeps
from coco_worker.rpc.server import SERVICE, RpcServer
from coco_worker.rpc.service import WorkerService
from coco_worker.worker import Worker
from tests.coco_worker.conftest import Start
from tests.coco_worker.items_made import documents
from tests.embedding_server import EmbeddingServer
from tests.tenant import CONFIG, DIMENSION, Tenant
from tests.trust import certificate
from tests.waiting import until

Serve = Callable[..., RpcServer]


@pytest.fixture
def worker(start: Start) -> Worker:
    """A worker that takes only what it is handed."""
    return start(poll_seconds=600)


@pytest.fixture
def serve(worker: Worker, deps: IngestDeps) -> Iterator[Serve]:
    servers: list[RpcServer] = []
    services: list[WorkerService] = []

    def begin(own: RpcVersion = RPC_VERSION, **options: Any) -> RpcServer:
        service = WorkerService(worker, deps.database, deps.embedders, own=own)
        server = RpcServer(service, own=own, **options)
        server.start()
        servers.append(server)
        services.append(service)
        return server

    yield begin
    for server in servers:
        server.stop(0)
    for service in services:
        service.close()


@asynccontextmanager
async def linked(server: RpcServer, **options: Any) -> AsyncIterator[WorkerLink]:
    link = WorkerLink(f"localhost:{server.port}", **options)
    try:
        yield link
    finally:
        await link.close()


def asked(
    server: RpcServer, question: Callable[[WorkerLink], Coroutine[Any, Any, Any]], **options: Any
) -> Any:
    async def ask() -> Any:
        async with linked(server, **options) as link:
            return await question(link)

    return asyncio.run(ask())


def test_a_handshake_says_who_is_there(serve: Serve) -> None:
    state = asked(serve(), lambda link: link.state())
    assert state.status is LinkStatus.READY
    assert state.program.startswith("coco-worker ")
    assert (state.version, state.running_jobs) == ("1.0", 0)


def test_a_newer_minor_version_is_understood(serve: Serve) -> None:
    server = serve(own=RpcVersion(1, 7))
    assert asked(server, lambda link: link.state()).status is LinkStatus.READY
    assert asked(server, lambda link: link.cancel("job_none")) is False


@pytest.mark.parametrize(("theirs", "ours"), [((2, 0), (1, 0)), ((1, 9), (2, 0))])
def test_another_major_version_is_refused_on_both_sides(
    serve: Serve, theirs: tuple[int, int], ours: tuple[int, int], tenant: Tenant
) -> None:
    server = serve(own=RpcVersion(*theirs))
    own = RpcVersion(*ours)
    # The client refuses: nothing but the handshake is sent.
    state = asked(server, lambda link: link.state(), own=own)
    assert state.status is LinkStatus.VERSION_MISMATCH
    assert f"version {theirs[0]}.{theirs[1]}" in state.detail and str(own) in state.detail
    job = tenant.enqueue(tenant.ndjson(documents(1)))
    with pytest.raises(Unavailable, match="same release"):
        asked(server, lambda link: link.submit(job.job_id), own=own)
    # The worker refuses, whatever a client that skips the handshake sends.
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        stub = worker_pb2_grpc.WorkerStub(channel)
        answer = stub.Handshake(
            worker_pb2.HandshakeRequest(version=worker_pb2.Version(major=own.major))
        )
        assert not answer.accepted and "same release" in answer.detail
        for metadata in ((("coco-rpc-version", str(own)),), (("coco-rpc-version", "x"),), ()):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Submit(worker_pb2.SubmitRequest(job_id=job.job_id), metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
            with pytest.raises(grpc.RpcError) as caught:
                list(stub.Progress(worker_pb2.ProgressRequest(), metadata=metadata))
            assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert tenant.job(job.job_id).attempt == 0


def test_a_job_is_handed_over_and_followed(
    serve: Serve, tenant: Tenant, embedding: EmbeddingServer
) -> None:
    server = serve()
    job = tenant.enqueue(tenant.ndjson([*documents(700), {}]))

    async def follow(link: WorkerLink) -> list[worker_pb2.ProgressEvent]:
        assert await link.submit(job.job_id) is SubmitOutcome.ACCEPTED
        return [event async for event in link.progress(job.job_id)]

    events = asked(server, follow)
    assert events[0].state == "running"
    assert events[-1].state == "succeeded"
    assert (events[-1].done, events[-1].total, events[-1].rejected) == (701, 701, 1)
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert asked(server, lambda link: link.submit(job.job_id)) is SubmitOutcome.NOT_WAITING


def test_a_full_worker_sends_the_job_back(
    serve: Serve, tenant: Tenant, embedding: EmbeddingServer
) -> None:
    embedding.gate.clear()
    server = serve()
    job = tenant.enqueue(tenant.ndjson(documents(3)))
    other = Tenant.create(tenant.database, tenant.blobs)
    waiting = other.enqueue(other.ndjson(documents(3)))
    assert asked(server, lambda link: link.submit(job.job_id)) is SubmitOutcome.ACCEPTED
    assert asked(server, lambda link: link.submit(waiting.job_id)) is SubmitOutcome.BUSY
    assert asked(server, lambda link: link.state()).running_jobs == 1
    assert asked(server, lambda link: link.cancel(job.job_id)) is True
    assert tenant.ended(job).state == "cancelled"


def test_the_first_free_worker_gets_the_job(serve: Serve, tenant: Tenant, worker: Worker) -> None:
    server = serve()
    gone = serve()
    gone.stop(0)

    async def hand_over(job_id: str) -> tuple[bool, list[LinkStatus]]:
        links = WorkerLinks([f"localhost:{gone.port}", f"localhost:{server.port}"])
        try:
            taken = await links.submit(job_id)
            return taken, [state.status for state in await links.states()]
        finally:
            await links.close()

    job = tenant.enqueue(tenant.ndjson(documents(3)))
    taken, states = asyncio.run(hand_over(job.job_id))
    assert taken
    assert states == [LinkStatus.UNREACHABLE, LinkStatus.READY]
    assert tenant.ended(job).state == "succeeded"
    until(lambda: worker.running == 0)
    worker.stop()
    late = tenant.enqueue(tenant.ndjson(documents(3)))
    taken, states = asyncio.run(hand_over(late.job_id))
    assert not taken
    assert states == [LinkStatus.UNREACHABLE, LinkStatus.DRAINING]


def test_texts_become_vectors(serve: Serve) -> None:
    server = serve()
    texts = [f"topic {number}" for number in range(100)]
    config = CONFIG.embedding
    vectors = asked(server, lambda link: link.embed(texts, config))
    assert vectors.shape == (100, DIMENSION) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    one = asked(server, lambda link: link.embed(texts[7:8], config, query=True))
    np.testing.assert_allclose(one[0], vectors[7], atol=1e-6)


def test_errors_cross_the_wire_with_their_class(serve: Serve) -> None:
    server = serve()
    with pytest.raises(InvalidInput, match="has 0 texts"):
        asked(server, lambda link: link.embed([], CONFIG.embedding))
    with pytest.raises(InvalidConfig, match="max_tokens is 1"):
        asked(server, lambda link: link.embed(["x"], _config_with(max_tokens=1)))

    async def follow(link: WorkerLink) -> None:
        async for _ in link.progress("job_none"):
            pass

    with pytest.raises(JobNotFound, match="job_none"):
        asked(server, follow)


def _config_with(max_tokens: int) -> EmbeddingConfig:
    """Return a config that this side would not have made."""
    config = EmbeddingConfig(model_name="hashing")
    object.__setattr__(config, "max_tokens", max_tokens)
    return config


def test_health_follows_the_standard(serve: Serve) -> None:
    server = serve()
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        def status(name: str) -> int:
            return stub.Check(health_pb2.HealthCheckRequest(service=name)).status

        serving = health_pb2.HealthCheckResponse.SERVING
        assert status("") == serving and status(SERVICE) == serving
        server.drain()
        assert status(SERVICE) == health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_tls_hides_the_link(serve: Serve, authority: trustme.CA, tmp_path: Path) -> None:
    own = certificate(authority, tmp_path / "worker", "localhost")
    server = serve(tls=RpcTls(cert=own.cert, key=own.key))
    known = RpcTls(ca=own.ca)
    assert asked(server, lambda link: link.state(), tls=known).status is LinkStatus.READY
    assert asked(server, lambda link: link.state()).status is LinkStatus.UNREACHABLE
    stranger = RpcTls(ca=certificate(trustme.CA(), tmp_path / "other", "localhost").ca)
    state = asked(server, lambda link: link.state(), tls=stranger)
    assert state.status is LinkStatus.UNREACHABLE


def test_mutual_tls_lets_in_only_who_shows_a_certificate(
    serve: Serve, authority: trustme.CA, tmp_path: Path, tenant: Tenant
) -> None:
    server = serve(tls=certificate(authority, tmp_path / "worker", "localhost"))
    known = certificate(authority, tmp_path / "api", "api.internal")
    assert asked(server, lambda link: link.state(), tls=known).status is LinkStatus.READY
    job = tenant.enqueue(tenant.ndjson(documents(3)))
    assert asked(server, lambda link: link.submit(job.job_id), tls=known) is SubmitOutcome.ACCEPTED
    assert tenant.ended(job).state == "succeeded"
    other = certificate(trustme.CA(), tmp_path / "other", "api.internal")
    for refused in (RpcTls(ca=known.ca), RpcTls(known.ca, other.cert, other.key)):
        state = asked(server, lambda link: link.state(), tls=refused)
        assert state.status is LinkStatus.UNREACHABLE


def test_a_port_that_others_reach_needs_encryption(serve: Serve) -> None:
    with pytest.raises(InvalidConfig, match="without encryption"):
        serve(host="0.0.0.0")
    assert serve(host="0.0.0.0", insecure=True).port > 0


def test_a_taken_port_is_told(serve: Serve) -> None:
    with pytest.raises(PortTaken, match="COCO_WORKER_PORT"):
        serve(port=serve().port)


def test_half_a_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="needs its key"):
        RpcTls(cert=tmp_path / "a.crt")
    with pytest.raises(InvalidConfig, match="none of its own"):
        RpcTls(ca=tmp_path / "a.ca").for_server()
