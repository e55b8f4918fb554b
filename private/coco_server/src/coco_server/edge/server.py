"""uvicorn's server behind the gate, with an end in steps and certificates that can be renewed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol, cast

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from coco_core.errors import InvalidConfig
from coco_server.edge.certificates import Certificates
from coco_server.edge.connections import Connection, Connections
from coco_server.edge.listener import Listener, open_sockets
from coco_server.edge.protocol import GuardedHttp

__all__ = ["EdgeServer", "Phases"]

_log = structlog.get_logger(__name__)


class Phases(Protocol):
    """What the rest of the program looks at to know how far the end has come."""

    draining: bool
    """Not ready any more, and still serving."""
    stopping: bool
    """Streams end, and nothing new is begun."""


class EdgeServer(uvicorn.Server):
    """Serves an application; SIGTERM ends it in steps, SIGHUP reads certificates again."""

    def __init__(
        self,
        config: uvicorn.Config,
        phases: Phases,
        connections: Connections,
        *,
        certificates: Certificates | None = None,
        drain_seconds: float = 0.0,
    ) -> None:
        super().__init__(config)
        self.connections = connections
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where it serves, once it does."""
        self._phases = phases
        self._certificates = certificates
        self._drain_seconds = drain_seconds
        self._drained_at: float | None = None
        self._reload = False
        self._sweeper: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen."""
        self.loop = loop = asyncio.get_running_loop()
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        config = self.config
        try:
            listening = sockets or open_sockets(config.host, config.port, config.backlog)
        except OSError as error:
            _log.error("cannot listen", host=config.host, port=config.port, reason=str(error))
            await self.lifespan.shutdown()
            sys.exit(STARTUP_FAILURE)
        listener = Listener(self.connections, self._protocol, self._certificates)
        listener.start(listening)
        # What uvicorn closes at the end, and waits for.
        self.servers = [cast("asyncio.base_events.Server", listener)]
        self._sweeper = loop.create_task(self._sweep())
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, finish what runs, and let go of the rest."""
        self._phases.draining = self._phases.stopping = True
        await super().shutdown(sockets)
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def on_tick(self, counter: int) -> bool:
        """Do what signals asked for; ten times a second."""
        if self._reload:
            self._reload = False
            self._read_certificates()
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            self._phases.stopping = self.should_exit = True
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ARG002 - uvicorn's signature
        """Begin the end: not ready at once, not listening after the drain, at last gone.

        A second signal ends it at once; what runs is broken off.
        """
        self._captured_signals.append(sig)
        if self._phases.draining:
            self._phases.stopping = self.should_exit = self.force_exit = True
            return
        self._phases.draining = True
        self._drained_at = time.monotonic() + self._drain_seconds

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Also hear SIGHUP, where there is such a signal."""
        if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
            with super().capture_signals():
                yield
            return
        before = signal.signal(signal.SIGHUP, self._ask_to_reload)
        try:
            with super().capture_signals():
                yield
        finally:
            signal.signal(signal.SIGHUP, before)

    def _ask_to_reload(self, _number: int, _frame: Any) -> None:
        self._reload = True

    def _read_certificates(self) -> None:
        if self._certificates is None:
            _log.info("nothing to reload", reason="this service does not terminate TLS")
            return
        try:
            self._certificates.reload()
        except InvalidConfig as error:
            _log.error(
                "certificate not reloaded",
                reason=error.message,
                kept="new connections get the certificate that was read before",
            )
        else:
            _log.info("certificate reloaded")

    def _protocol(self, connection: Connection) -> asyncio.Protocol:
        return GuardedHttp(
            self.config,
            self.server_state,
            self.lifespan.state,
            connections=self.connections,
            connection=connection,
        )

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.connections.limits.sweep_seconds)
            self.connections.sweep(loop.time())
