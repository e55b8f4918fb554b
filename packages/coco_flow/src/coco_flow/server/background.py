"""The HTTP server in a background thread of the program that started it."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

from coco_flow.server.serve import bind_address, make_server

if TYPE_CHECKING:
    import uvicorn

    from coco_flow.setting import ServerSettings

__all__ = ["BackgroundServer", "start_in_background"]


class BackgroundServer:
    """A running server; `stop` ends it, as does the end of the program."""

    def __init__(self, server: uvicorn.Server, thread: threading.Thread, address: str) -> None:
        self._server = server
        self._thread = thread
        self.address = address

    def stop(self) -> None:
        """End the server and wait for it."""
        self._server.should_exit = True
        self._thread.join(timeout=10)


def start_in_background(settings: ServerSettings, token: str | None = None) -> BackgroundServer:
    """Serve the open flows until the program ends.

    Raises:
        PortTaken: Another program listens on the address.
        DefinitionError: The address is not on this machine alone, and no token is given.
    """
    listening = bind_address(settings.address, has_token=token is not None)
    host, port = listening.getsockname()[:2]
    server = make_server(token=token, cors_origins=settings.cors_origins or ())
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="coco-flow-server", daemon=True
    )
    thread.start()
    running = BackgroundServer(server, thread, f"{host}:{port}")
    atexit.register(running.stop)
    return running
