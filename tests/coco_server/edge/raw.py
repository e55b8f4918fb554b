"""Raw connections to a service, for what no HTTP client sends."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Raw:
    """One connection."""

    socket: socket.socket

    def send(self, data: bytes) -> bool:
        """Send; False: the service has closed the connection."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def rest(self) -> bytes:
        """Return everything until the service closes the connection, then close it here, too."""
        parts = []
        try:
            while part := self.socket.recv(65_536):
                parts.append(part)
        except ConnectionError:
            # What was sent after the service had closed breaks the connection.
            pass
        finally:
            self.close()
        return b"".join(parts)

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer, at whose end the service closes."""
        head, _, body = self.rest().partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(body)

    @property
    def closed(self) -> bool:
        """Whether the service has closed it, without reading what it may have sent."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(20)

    def close(self) -> None:
        """Close it."""
        self.socket.close()


def connect(url: str, *, receive_buffer: int | None = None) -> Raw:
    """Open a connection to the service at ``url``."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    made = socket.socket()
    if receive_buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(20)
    made.connect((parts.hostname, parts.port))
    return Raw(made)
