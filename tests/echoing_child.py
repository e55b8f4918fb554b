"""A child process for tests: sends back what it receives, or what it is asked for."""

from __future__ import annotations

import os
import socket
import sys

from coco_server.store.child_process import ChildEnded, Pipe, limit_memory


def main() -> None:
    parent = Pipe(socket.socket(fileno=int(sys.argv[1])))
    while True:
        kind, body = parent.receive(1 << 30)
        if kind == b"E":
            parent.send(kind, body)
        elif kind == b"V":
            parent.send(kind, "\n".join(os.environ).encode())
        elif kind == b"M":
            limit = int.from_bytes(body, "little")
            limit_memory(limit)
            try:
                bytearray(2 * limit)
            except MemoryError:
                parent.send(kind, b"refused")
            else:
                parent.send(kind, b"given")


if __name__ == "__main__":
    try:
        main()
    except ChildEnded:
        sys.exit(0)
