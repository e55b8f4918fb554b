"""HTTP servers of a test, in threads, on a port of loopback that is free."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Handler", "Server", "served"]


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, sends whole answers and writes no log; `respond` says what."""

    protocol_version = "HTTP/1.1"
    # An answer goes out in two writes, and the second must not wait for the first one's receipt.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.respond()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def respond(self) -> None:
        raise NotImplementedError

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(
        self, status: int, body: object = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send bytes as they are and anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
        try:
            self.send_response(status)
            for name, value in {**kind, **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that a script, or a client that is killed, breaks off are no errors."""
        error = sys.exception()
        if not isinstance(error, OSError | json.JSONDecodeError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def served(
    handler: type[BaseHTTPRequestHandler],
    *,
    server: type[ThreadingHTTPServer] = Server,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[ThreadingHTTPServer]:
    """Answer with `handler` until the block ends; `server` is another class of server."""
    with server(("127.0.0.1", port), handler) as running:
        if tls is not None:
            running.socket = tls.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
