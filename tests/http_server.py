"""HTTP servers of a test, in threads, on a port of loopback that is free."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["served"]


@contextmanager
def served(
    handler: type[BaseHTTPRequestHandler], *, server: type[ThreadingHTTPServer] | None = None
) -> Iterator[ThreadingHTTPServer]:
    """Answer with `handler` until the block ends; `server` is another class of server."""
    with (server or ThreadingHTTPServer)(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
