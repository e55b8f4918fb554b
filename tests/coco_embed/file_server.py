"""A small HTTP server of files on the loopback interface, with the faults that downloads meet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.http_server import Handler, served


@dataclass
class FileServer:
    url: str = ""
    files: dict[str, bytes | Path] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    # Bytes after which each of the next answers is cut off.
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    # Answers for this path stop after their first block and wait until they are released.
    held_path: str = ""
    holding: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve() -> Iterator[FileServer]:
    state = FileServer()

    class Files(Handler):
        # Each answer ends its connection.
        protocol_version = "HTTP/1.0"

        def respond(self) -> None:
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            content = state.files.get(self.path.partition("?")[0])
            if content is None:
                self.send_error(404)
                return
            data = content.read_bytes() if isinstance(content, Path) else content
            start = int(wanted[6:].rstrip("-")) if wanted and state.ranges else 0
            if start and start >= len(data):
                self.send_error(416)
                return
            body = memoryview(data)[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.cuts:
                self.wfile.write(body[: state.cuts.pop(0)])
                self.close_connection = True
                return
            if self.path == state.held_path:
                self.wfile.write(body[: 1 << 20])
                self.wfile.flush()
                state.holding.set()
                state.release.wait(60)
                body = body[1 << 20 :]
            self.wfile.write(body)

    with served(Files) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            state.release.set()
