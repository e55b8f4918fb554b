"""HTTP servers of a test, in threads, on a port of loopback that is free."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Handler", "served"]


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, logs nothing, and sends whole answers."""

    protocol_version = "HTTP/1.1"
    # An answer goes out in two writes, and the second must not wait for the first one's receipt.
    disable_nagle_algorithm = True

    def body(self) -> bytes:
        """Read what was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(
        self, status: int, content: object = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send bytes as they are and anything else as JSON; a client may be gone by now."""
        is_json = not isinstance(content, bytes)
        body = json.dumps(content, default=self.plain).encode() if is_json else content
        assert isinstance(body, bytes)
        try:
            self.send_response(status)
            if is_json:
                self.send_header("Content-Type", "application/json")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def plain(self, value: object) -> object:
        """Return plain data for what JSON does not know."""
        raise TypeError(repr(value))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that a client, or a script, breaks off are no errors."""
        if not isinstance(sys.exception(), OSError | json.JSONDecodeError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def served(
    handler: type[BaseHTTPRequestHandler], *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[ThreadingHTTPServer]:
    """Answer with ``handler`` until the block ends."""
    with _Server(("127.0.0.1", port), handler) as running:
        if tls is not None:
            running.socket = tls.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
