"""Acceptance of connections: counted first, then encrypted, then spoken HTTP with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias, cast

import structlog

from coco_core.errors import Unavailable
from coco_server.edge.certificates import Certificates
from coco_server.edge.connections import Connection, Connections
from coco_server.edge.protocol import raw_response

__all__ = ["Gate", "ProtocolFactory"]

ProtocolFactory: TypeAlias = Callable[[Connection], asyncio.Protocol]

_FULL = Unavailable(
    "The service has too many open connections.", hint="Use fewer connections, or try again."
)

_log = structlog.get_logger(__name__)


class Gate:
    """Makes the first protocol of every accepted connection."""

    def __init__(
        self,
        connections: Connections,
        factory: ProtocolFactory,
        certificates: Certificates | None = None,
    ) -> None:
        self.connections = connections
        self._factory = factory
        self._certificates = certificates
        # The loop itself keeps only weak references to tasks.
        self._handshakes: set[asyncio.Task[None]] = set()

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a connection that is being accepted."""
        return _Accepted(self)

    def accept(self, transport: asyncio.Transport) -> None:
        """Admit a connection, or turn it away."""
        loop = asyncio.get_running_loop()
        connection = self.connections.admit(transport, loop.time())
        if connection is None:
            if self._certificates is None:
                transport.write(raw_response(_FULL))
                transport.close()
            else:
                transport.abort()
        elif self._certificates is None:
            protocol = self._factory(connection)
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
        else:
            transport.set_protocol(_Early())
            transport.pause_reading()
            task = loop.create_task(self._encrypt(transport, connection, self._certificates))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _encrypt(
        self, transport: asyncio.Transport, connection: Connection, certificates: Certificates
    ) -> None:
        loop, early = asyncio.get_running_loop(), _Early()
        try:
            encrypted = await loop.start_tls(
                transport,
                early,
                certificates.context,
                server_side=True,
                ssl_handshake_timeout=self.connections.limits.head_seconds,
            )
        except OSError as error:
            # Also SSLError, timeouts and resets: a port scan must not fill a log.
            _log.debug("handshake failed", address=connection.address, reason=type(error).__name__)
            encrypted = None
        except BaseException:
            self.connections.release(connection)
            transport.abort()
            raise
        if encrypted is None or early.lost:
            self.connections.release(connection)
            transport.abort()
            return
        protocol = self._factory(connection)
        encrypted.set_protocol(protocol)
        protocol.connection_made(encrypted)
        if early.received:
            protocol.data_received(bytes(early.received))


class _Accepted(asyncio.Protocol):
    """Hands a connection to the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods and not the base class.
        self._gate.accept(cast("asyncio.Transport", transport))


class _Early(asyncio.Protocol):
    """Keeps what arrives with the end of a handshake, before HTTP is spoken.

    One read of the socket at most: the transport is handed on in the next turn of the loop.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost = True
