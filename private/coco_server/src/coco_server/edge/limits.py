"""Limits of connections: what a client may send, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConnectionLimits"]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits that hold before any key was seen. Seconds and bytes."""

    connections: int = 1000
    """Open connections of this process."""
    per_address: int = 256
    """Open connections of one client address."""
    head_bytes: int = 65_536
    """Request line and headers together. A signed token with many groups takes 32 kB."""
    headers: int = 100
    """Headers and trailers of one request."""
    head_seconds: float = 10.0
    """TLS handshake; and from a request's first byte until its head is complete."""
    body_seconds: float = 30.0
    """Between two parts of a body."""
    send_seconds: float = 30.0
    """Until a client has read what fills the socket's buffers."""
    idle_seconds: float = 60.0
    """Between two requests of one connection. Proxies keep theirs for about as long."""

    @property
    def sweep_seconds(self) -> float:
        """How often connections are compared with the limits."""
        shortest = min(self.head_seconds, self.body_seconds, self.send_seconds)
        return min(1.0, shortest / 4)
