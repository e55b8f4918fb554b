"""Open connections of the process: admitted up to a limit, and closed when they stall."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from coco_server.edge.limits import ConnectionLimits

__all__ = ["Connection", "Connections", "Phase"]

# A client that was refused may be sending still, and many read the answer only after that.
_LINGER_SECONDS = 10.0


class Phase(Enum):
    """What a connection is waiting for."""

    HANDSHAKE = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    IDLE = auto()
    LINGER = auto()
    """The answer is out and the client still sends."""


# These keep nothing that a client would miss.
_CLOSABLE = frozenset({Phase.HANDSHAKE, Phase.HEAD, Phase.IDLE, Phase.LINGER})


@dataclass(slots=True, eq=False)
class Connection:
    """One accepted connection."""

    address: str
    since: float
    """When the phase began, or when it last made progress; the loop's time, in seconds."""
    transport: asyncio.Transport | None = None
    """None until the handshake is over."""
    break_off: Callable[[], object] | None = None
    """Ends the handshake."""
    phase: Phase = Phase.HANDSHAKE
    unread_since: float | None = None
    """Since when the client has not read what was written."""
    closing_since: float | None = None
    time_out: Callable[[], None] | None = None
    """Ends it with an answer, when the protocol can."""

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase."""
        self.phase, self.since = phase, now

    def abort(self) -> None:
        """Break it."""
        if self.transport is not None:
            self.transport.abort()
        elif self.break_off is not None:
            self.break_off()


class Connections:
    """Keeps every open connection, by client address."""

    def __init__(
        self, limits: ConnectionLimits, shared_address: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Keep to ``limits``; a shared address (of a trusted proxy) stands for many clients."""
        self.limits = limits
        self._shared = shared_address
        # Dictionaries, as sets that keep the order of arrival.
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def admit(self, address: str, now: float) -> Connection | None:
        """Take a connection in, if need be in the place of one that waits; None: there is no room.

        A client over its limit displaces its own connections only. When the process is full, the
        address with the most connections gives one up.
        """
        own = self._by_address.get(address, {})
        if len(own) >= self.limits.per_address and not self._shared(address):
            if not self._displace(own):
                return None
        elif self._count >= self.limits.connections and not self._displace(
            max(self._by_address.values(), key=len)
        ):
            return None
        connection = Connection(address, now)
        self._by_address.setdefault(address, {})[connection] = None
        self._count += 1
        return connection

    def release(self, connection: Connection) -> None:
        """Forget a connection; again is harmless."""
        own = self._by_address.get(connection.address)
        if own is None or connection not in own:
            return
        del own[connection]
        self._count -= 1
        if not own:
            del self._by_address[connection.address]

    def sweep(self, now: float) -> None:
        """End every connection that has stalled for longer than its limit."""
        for connection in [each for own in self._by_address.values() for each in own]:
            self._check(connection, now)

    def _check(self, connection: Connection, now: float) -> None:
        limits = self.limits
        if connection.transport is not None and connection.transport.is_closing():
            # Closing waits for the client to read the rest.
            if connection.closing_since is None:
                connection.closing_since = now
            elif now - connection.closing_since > limits.send_seconds:
                connection.abort()
        elif connection.unread_since is not None:
            if now - connection.unread_since > limits.send_seconds:
                connection.abort()
        elif now - connection.since > self._patience(connection.phase):
            (connection.time_out or connection.abort)()

    def _patience(self, phase: Phase) -> float:
        match phase:
            case Phase.HANDSHAKE | Phase.HEAD:
                return self.limits.head_seconds
            case Phase.BODY:
                return self.limits.body_seconds
            case Phase.LINGER:
                return _LINGER_SECONDS
            case Phase.IDLE:
                return self.limits.idle_seconds
            case Phase.ANSWER:
                return float("inf")

    def _displace(self, candidates: dict[Connection, None]) -> bool:
        """Break the oldest connection that waits; False: all of them are being served."""
        for connection in candidates:
            if connection.phase in _CLOSABLE:
                self.release(connection)
                connection.abort()
                return True
        return False
