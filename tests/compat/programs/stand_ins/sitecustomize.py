"""Sends connections to fixed addresses to servers of the test; loaded by every program under test.

``COMPAT_ADDRESSES`` lists them as ``host:port=host:port``, separated by spaces. Programs that have
an address written into them run unchanged that way. A name resolves to a loopback address that
stands for nothing else, and connections to that address go where they should: libraries keep the
port that they were given, so that names alone would not do.
"""

import os
import socket
from typing import Any

_stands_for: dict[tuple[str, str], str] = {}
_real: dict[tuple[str, int], tuple[str, int]] = {}
for _number, _pair in enumerate(os.environ.get("COMPAT_ADDRESSES", "").split(), 1):
    _written, _server = (end.rpartition(":") for end in _pair.split("="))
    _address = f"127.77.0.{_number}"
    _stands_for[_written[0], _written[2]] = _address
    _real[_address, int(_written[2])] = (_server[0], int(_server[2]))

_resolve = socket.getaddrinfo


def _getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    return _resolve(_stands_for.get((name, str(port)), host), port, *rest, **options)


def _connect(self: socket.socket, address: Any) -> None:
    super(socket.socket, self).connect(_elsewhere(address))


def _connect_ex(self: socket.socket, address: Any) -> int:
    return super(socket.socket, self).connect_ex(_elsewhere(address))


def _elsewhere(address: Any) -> Any:
    return _real.get(tuple(address[:2]), address) if isinstance(address, tuple) else address


if _real:
    socket.getaddrinfo = _getaddrinfo
    socket.socket.connect = _connect  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = _connect_ex  # type: ignore[method-assign, assignment]
