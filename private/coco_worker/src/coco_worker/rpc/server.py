"""gRPC server of a worker: version handshake, and the standard health service."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from coco_core.errors import InvalidConfig, PortTaken
from coco_protocol.rpc import worker_pb2_grpc
from coco_protocol.rpc.version import RPC_VERSION, VERSION_METADATA, RpcVersion, mismatch
from coco_server.rpc.link import MESSAGE_BYTES
from coco_server.rpc.tls import RpcTls
from coco_worker.rpc.service import WorkerService

__all__ = ["SERVICE", "RpcServer"]

log = structlog.get_logger(__name__)

SERVICE = "coco.worker.v1.Worker"
"""What the standard health service is asked for; the empty name means the whole program."""

_HANDSHAKE = f"/{SERVICE}/Handshake"
# Followers of progress hold a thread each; everything else is short.
_THREADS = 32


class RpcServer:
    """A gRPC server for one worker."""

    def __init__(
        self,
        service: WorkerService,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: RpcTls | None = None,
        insecure: bool = False,
        own: RpcVersion = RPC_VERSION,
    ) -> None:
        """Bind the port; calls are answered from `start` on.

        Args:
            service: What answers.
            host: Address to listen on.
            port: 0 takes any free one; see `port`.
            tls: How to encrypt, and whose certificates to ask for.
            insecure: Allow plain text on an address that others can reach.
            own: The version of the contract that this side speaks.

        Raises:
            InvalidConfig: the address is open to others and nothing protects it.
            PortTaken: another program listens there.
        """
        self._health = health.HealthServicer()
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="coco-rpc"),
            interceptors=[_VersionCheck(own)],
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES),
                ("grpc.max_send_message_length", MESSAGE_BYTES),
                # Two workers on one port would each get some of the calls.
                ("grpc.so_reuseport", 0),
            ],
        )
        worker_pb2_grpc.add_WorkerServicer_to_server(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        encrypted = tls is not None and tls.configured
        if not encrypted and not insecure and not _loopback(host):
            raise InvalidConfig(
                f"The worker would listen on {host!r} without encryption, where others could "
                "hand it jobs.",
                hint="Set COCO_WORKER_TLS_CERT and COCO_WORKER_TLS_KEY (and COCO_WORKER_TLS_CA "
                "for mutual TLS), listen on 127.0.0.1, or pass --insecure in your own network.",
            )
        try:
            self.port = (
                self._server.add_secure_port(address, tls.for_server())
                if tls is not None and encrypted
                else self._server.add_insecure_port(address)
            )
        except RuntimeError as error:
            raise PortTaken(
                f"The worker cannot listen on {address}: {error}",
                hint="Set COCO_WORKER_PORT to another port, or to 0 for any free one.",
            ) from error

    def start(self) -> None:
        """Answer calls."""
        self._server.start()
        self._set_health(health_pb2.HealthCheckResponse.SERVING)

    def drain(self) -> None:
        """Say that nothing new is taken; calls are still answered."""
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)

    def stop(self, grace_seconds: float = 2.0) -> None:
        """End; calls in progress get so long."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_seconds).wait()

    def _set_health(self, status: int) -> None:
        for name in ("", SERVICE):
            self._health.set(name, status)


class _VersionCheck(grpc.ServerInterceptor):
    """Refuses calls of another major version; the handshake and health answer anybody."""

    def __init__(self, own: RpcVersion) -> None:
        self._own = own

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Pass a call on, or answer it with what is wrong."""
        method = handler_call_details.method
        handler = continuation(handler_call_details)
        if not method.startswith(f"/{SERVICE}/") or method == _HANDSHAKE or handler is None:
            return handler
        given = dict(handler_call_details.invocation_metadata).get(VERSION_METADATA)
        other = RpcVersion.parse(given) if isinstance(given, str) else None
        reason = mismatch(self._own, other, who="The caller")
        if reason is None:
            return handler
        log.warning("call_refused", method=method, version=str(other))

        def refuse(_: object, context: grpc.ServicerContext) -> Any:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
            raise AssertionError("abort raises")

        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(refuse)
        return grpc.unary_unary_rpc_method_handler(refuse)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
