from __future__ import annotations

import os
import socket
from contextlib import closing

import pytest

from coco_core.errors import InvalidConfig, PortTaken
from coco_local.daemon.listener import bind, listen, program_on


def test_until_it_listens_connections_are_refused() -> None:
    with closing(bind("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        listen(listener)
        socket.create_connection(address).close()


def test_a_taken_port_names_port_and_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            bind("127.0.0.1", port)
        assert f"Port {port} on 127.0.0.1 is taken" in caught.value.message
        assert f"PID {os.getpid()}" in caught.value.message
        assert "COCO_PORT" in str(caught.value.hint)
        assert f"PID {os.getpid()}" in str(program_on(port))


def test_a_port_that_was_closed_a_moment_ago_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address), server.accept()[0] as accepted:
            accepted.close()
    bind(address[0], address[1]).close()


def test_a_host_that_is_not_ours() -> None:
    with pytest.raises(InvalidConfig, match="cannot be bound"):
        bind("203.0.113.7", 0)
    with pytest.raises(InvalidConfig, match="cannot be resolved"):
        bind("no such host", 0)
