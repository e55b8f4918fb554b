"""Runs the HTTP server until it is stopped."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from coco_core.errors import PortTaken
from coco_flow.errors import DefinitionError, missing_extra

if TYPE_CHECKING:
    import uvicorn

    from coco_flow.flow.live import FlowLiveUpdater

__all__ = ["bind_address", "make_server", "new_token", "parse_address"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def new_token() -> str:
    """Return a token for one run of the server."""
    return secrets.token_urlsafe(24)


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``.

    Raises:
        DefinitionError: It is not of that form.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise DefinitionError(
            f"{address!r} is not an address.", hint="Give HOST:PORT, such as 127.0.0.1:49344."
        )
    return host.strip("[]"), int(port)


def bind_address(address: str, *, has_token: bool) -> socket.socket:
    """Listen on an address; port 0 takes a free one.

    Raises:
        PortTaken: Another program listens there.
        DefinitionError: Other machines could reach a server without a token.
    """
    host, port = parse_address(address)
    if host not in _LOOPBACK and not has_token:
        raise DefinitionError(
            f"{address!r} can be reached by other machines, and the server has no token.",
            hint="Leave --no-token out, or listen on 127.0.0.1.",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"{address} cannot be listened on: {error.strerror or error}.",
            hint="Choose another with --address, or stop the program that has it.",
        ) from error
    return listening


def make_server(
    *,
    token: str | None,
    cors_origins: Sequence[str] = (),
    live: dict[str, FlowLiveUpdater] | None = None,
) -> uvicorn.Server:
    """Return the server, not yet running; give it a bound socket to run on.

    Raises:
        ExtraMissing: FastAPI or uvicorn is not installed.
    """
    try:
        import uvicorn

        from coco_flow.server.app import create_app
    except ImportError as error:
        raise missing_extra("The server", str(error.name), "server") from error
    app = create_app(token=token, cors_origins=cors_origins, live=live)
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
