"""Acceptance of connections: counted first, then encrypted, then spoken HTTP with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog

from coco_core.errors import Unavailable
from coco_server.edge.certificates import Certificates
from coco_server.edge.connections import Connection, Connections
from coco_server.edge.protocol import raw_response

__all__ = ["Listener", "ProtocolFactory", "open_sockets"]

ProtocolFactory: TypeAlias = Callable[[Connection], asyncio.Protocol]

_FULL = raw_response(
    Unavailable(
        "The service has too many open connections.", hint="Use fewer connections, or try again."
    )
)

# Without free descriptors accepting fails at once, again and again, until a connection ends.
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS = 0.1

_log = structlog.get_logger(__name__)


class Listener:
    """Accepts connections of some sockets until it is closed.

    Not ``loop.create_server``: that one would count no connection before its handshake is over,
    and would keep the certificate that it began with.
    """

    def __init__(
        self,
        connections: Connections,
        factory: ProtocolFactory,
        certificates: Certificates | None = None,
    ) -> None:
        self._connections = connections
        self._factory = factory
        self._certificates = certificates
        self._sockets: Sequence[socket.socket] = ()
        # The loop itself keeps only weak references to tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Accept connections from now on; the sockets listen already."""
        self._sockets = sockets
        for each in sockets:
            each.setblocking(False)
            self._keep(asyncio.get_running_loop().create_task(self._accept(each)))

    def close(self) -> None:
        """Accept no more; what has not begun to speak HTTP is broken off."""
        for task in self._tasks:
            task.cancel()
        for each in self._sockets:
            each.close()

    async def wait_closed(self) -> None:
        """Return when nothing is being accepted any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, peer = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno not in _NO_DESCRIPTORS:
                    # The client has gone before it was accepted.
                    continue
                _log.warning("cannot accept", reason=error.strerror, open=len(self._connections))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self._admit(accepted, str(peer[0]) if isinstance(peer, tuple) else "")

    def _admit(self, accepted: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        connection = self._connections.admit(address, loop.time())
        if connection is None:
            with contextlib.suppress(OSError):
                if self._certificates is None:
                    accepted.send(_FULL)
            accepted.close()
            return
        task = loop.create_task(self._begin(accepted, connection))
        connection.break_off = task.cancel

        def broken_off(done: asyncio.Task[None]) -> None:
            # Also when the task had not begun to run.
            if done.cancelled():
                self._connections.release(connection)
                accepted.close()

        task.add_done_callback(broken_off)
        self._keep(task)

    async def _begin(self, accepted: socket.socket, connection: Connection) -> None:
        """Encrypt a connection if need be, and speak HTTP on it."""
        loop, limits = asyncio.get_running_loop(), self._connections.limits
        encrypted = self._certificates is not None
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: self._factory(connection),
                accepted,
                ssl=self._certificates.context if self._certificates else None,
                ssl_handshake_timeout=limits.head_seconds if encrypted else None,
            )
        except OSError as error:
            # Also SSLError, timeouts and resets: a port scan must not fill a log.
            _log.debug("not begun", address=connection.address, reason=type(error).__name__)
            self._connections.release(connection)
            accepted.close()


def open_sockets(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Listen on every address that ``host`` means.

    Raises:
        OSError: one cannot be used.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            opened.append(
                socket.create_server(
                    address[:2] if family == socket.AF_INET else address,
                    family=family,
                    backlog=backlog,
                )
            )
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened
