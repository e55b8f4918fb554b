"""Listening socket, bound first so that a port conflict is known at once."""

from __future__ import annotations

import errno
import socket
import sys

import psutil

from coco_core.errors import InvalidConfig, PortTaken

__all__ = ["bind", "listen", "port_taken", "program_on"]

# Enough for every editor and agent of a machine to connect in the same instant.
_BACKLOG = 256


def bind(host: str, port: int) -> socket.socket:
    """Bind without listening yet: until `socket.listen` a connection is refused, not left hanging.

    Raises:
        PortTaken: another program has the port.
        InvalidConfig: the host is no address of this machine, or the port is reserved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InvalidConfig(
            f"The host {host!r} cannot be resolved: {error}.", hint="Use 127.0.0.1."
        ) from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":
            # There, REUSEADDR would share a port that somebody listens on.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Connections of the last daemon that linger must not block the next one.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise port_taken(host, port) from error
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise InvalidConfig(
                f"Port {port} may not be opened: {error.strerror}.",
                hint="Ports below 1024 belong to the system; use another one: --port, COCO_PORT.",
            ) from error
        raise InvalidConfig(
            f"{host!r} cannot be bound: {error.strerror or error}.",
            hint="Use an address of this machine: --host, COCO_HOST.",
        ) from error
    return listener


def listen(listener: socket.socket) -> None:
    """Accept connections from now on; they wait until somebody answers."""
    listener.listen(_BACKLOG)
    listener.setblocking(False)


def port_taken(host: str, port: int) -> PortTaken:
    """Return the error that names the port and, where the system tells, the program."""
    program = program_on(port)
    by = f" by {program}" if program else " by another program"
    return PortTaken(
        f"Port {port} on {host} is taken{by}.",
        hint="Choose another one with --port or COCO_PORT.",
        details={"host": host, "port": port, "program": program},
    )


def program_on(port: int) -> str | None:
    """Return name and PID of the program that listens on a port, when the system tells."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    for connection in connections:
        local = connection.laddr
        if connection.status == psutil.CONN_LISTEN and local and local.port == port:
            if connection.pid is None:
                return None
            try:
                return f"{psutil.Process(connection.pid).name()} (PID {connection.pid})"
            except psutil.Error:
                return f"PID {connection.pid}"
    return None
