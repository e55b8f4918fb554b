"""HTTP and WebSocket protocols of a connection, with limits on what is sent and on time."""

from __future__ import annotations

import asyncio
import http
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from coco_core.errors import CocoError, HeadTooLarge, InvalidInput, RequestTimeout
from coco_protocol.base import json_bytes
from coco_protocol.errors import error_envelope
from coco_server.edge.connections import Connection, Connections, Phase

__all__ = ["GuardedHttp", "GuardedWebSocket", "raw_response"]

# Requests that wait behind one that is being answered. Each answer makes uvicorn read on, which
# may bring thousands more; clients that send ahead at all have a few.
_MOST_AHEAD = 16


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol; it bounds what the parser keeps, and knows what it waits for."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        connections: Connections,
        connection: Connection,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._open = connections
        self._limits = connections.limits
        self._connection = connection
        self._head_bytes = 0
        self._head_count = 0
        # Bytes since the parser last made something of them: it keeps these.
        self._unparsed = 0
        self._refusal: CocoError | None = None
        # What is being answered; `cycle` is the last one that was sent.
        self._current: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._connection.transport = transport
        self._connection.time_out = self._time_out
        self._connection.enter(Phase.HEAD, self.loop.time())

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another, and stop what is being answered."""
        self._open.release(self._connection)
        self.pipeline.clear()
        if self._current is not None and not self._current.response_complete:
            # uvicorn tells the last request only.
            self._current.disconnected = True
            self._current.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and refuse what the parser would have to keep without an end."""
        if self.transport.is_closing():
            return
        connection = self._connection
        if connection.phase is Phase.IDLE:
            connection.enter(Phase.HEAD, self.loop.time())
        elif connection.phase is Phase.BODY:
            connection.since = self.loop.time()
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > self._limits.head_bytes and not self.transport.is_closing():
            self._refusal = self._too_large()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head_bytes = self._head_count = self._unparsed = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._head_count += 1
        # Colon, space and line end.
        self._grow(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the request; its body may follow.

        Raises:
            InvalidInput: too many wait already; the parser stops, and the connection is broken.
        """
        if len(self.pipeline) >= _MOST_AHEAD:
            raise InvalidInput(f"More than {_MOST_AHEAD} requests were sent ahead of answers.")
        self._unparsed = 0
        self._connection.enter(Phase.BODY, self.loop.time())
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Note that a chunk begins: its head is not kept."""
        self._unparsed = 0

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the answer, or for the next request if that is out already."""
        super().on_message_complete()
        answered = self.cycle is None or self.cycle.response_complete
        self._connection.enter(Phase.IDLE if answered else Phase.ANSWER, self.loop.time())

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the end of a body that nothing reads."""
        super().on_response_complete()
        if self.cycle.response_complete:
            if self._connection.phase is Phase.ANSWER:
                self._connection.enter(Phase.IDLE, self.loop.time())
            elif self._connection.phase is Phase.BODY:
                self._connection.enter(Phase.LINGER, self.loop.time())

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to the WebSocket protocol."""
        super().handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        if isinstance(protocol, GuardedWebSocket):
            self._connection.time_out = None
            self._connection.enter(Phase.ANSWER, self.loop.time())
            protocol.watch(self._open, self._connection)

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self._connection.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._connection.unread_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse the request with the envelope, and close; half an answer is broken off."""
        if self._answering:
            self.transport.abort()
            return
        reason = self._refusal or InvalidInput(
            "The request is not valid HTTP/1.1.", hint="Send it with an HTTP client."
        )
        self.transport.write(raw_response(reason))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._current = cycle
        super()._start_asgi_task(cycle, app)

    @property
    def _answering(self) -> bool:
        """Whether other bytes than an answer's own would be taken for a part of it."""
        return bool(self.pipeline) or (
            self._current is not None
            and self._current.response_started
            and not self._current.response_complete
        )

    def _time_out(self) -> None:
        """End what has stalled: with an answer, where a request has begun and none is out."""
        now, connection = self.loop.time(), self._connection
        waits = self.cycle is not None and not self.cycle.response_complete
        if connection.phase is Phase.BODY and self.flow.read_paused:
            # The service does not read, not the client does not send.
            connection.since = now
        elif connection.phase is Phase.HEAD and waits:
            # The beginning of a next request; its time begins after this one.
            connection.since = now
        elif connection.phase in {Phase.HEAD, Phase.BODY} and not self._answering:
            part = "head" if connection.phase is Phase.HEAD else "body"
            self.transport.write(raw_response(_timeout(part)))
            self.transport.close()
        else:
            self.transport.abort()

    def _grow(self, size: int) -> None:
        """Count what a head, or the trailers of a body, take.

        Raises:
            HeadTooLarge: it is too much; the parser stops, and uvicorn asks for a refusal.
        """
        self._unparsed = 0
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes or self._head_count > self._limits.headers:
            self._refusal = self._too_large()
            raise self._refusal

    def _too_large(self) -> HeadTooLarge:
        return HeadTooLarge(
            f"Request line and headers have more than {self._limits.head_bytes} bytes, "
            f"or there are more than {self._limits.headers} headers.",
            hint="Send long values in the body.",
            details={"limit_bytes": self._limits.head_bytes, "limit": self._limits.headers},
        )


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol; a client that does not read is let go."""

    _open: Connections | None = None
    _connection: Connection | None = None

    def watch(self, connections: Connections, connection: Connection) -> None:
        """Say where the connection is counted."""
        self._open, self._connection = connections, connection

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another."""
        if self._open is not None and self._connection is not None:
            self._open.release(self._connection)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        if self._connection is not None:
            self._connection.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        if self._connection is not None:
            self._connection.unread_since = None
        super().resume_writing()


def raw_response(error: CocoError) -> bytes:
    """Return a whole answer with the envelope, for a request that never reaches the application."""
    body = json_bytes(error_envelope(error, ""))
    phrase = http.HTTPStatus(error.status).phrase
    retry = "retry-after: 2\r\n" if error.retryable else ""
    head = (
        f"HTTP/1.1 {error.status} {phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
    )
    return head.encode() + body


def _timeout(part: str) -> RequestTimeout:
    return RequestTimeout(
        f"The {part} of the request did not arrive in time.",
        hint="Send the request without pauses.",
    )
