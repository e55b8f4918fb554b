"""A web application of a test, served by uvicorn in a thread on a port of loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

__all__ = ["serve_app", "serve_on"]


@contextmanager
def serve_app(app: Any, port: int = 0, **options: Any) -> Iterator[str]:
    """Serve until the end of the block and yield the address; 0 is a port that is free."""
    options |= {"log_level": "warning", "timeout_graceful_shutdown": 2}
    config = uvicorn.Config(app, **options)
    with serve_on(uvicorn.Server(config), port) as number:
        yield f"{'https' if config.is_ssl else 'http'}://127.0.0.1:{number}"


@contextmanager
def serve_on(server: uvicorn.Server, port: int = 0) -> Iterator[int]:
    """Run a server in a thread until the end of the block and yield its port."""
    # asyncio sends small answers at once only where the socket says that it is TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the application does not start"
                thread.join(0.01)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=15)
    assert not thread.is_alive(), "the application did not stop"
