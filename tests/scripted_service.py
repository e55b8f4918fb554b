"""A service that answers by script: for what a real daemon never says, or says rarely."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coco_local.client.http_client import Client
from coco_protocol.jobs import JobEvent
from tests.http_server import Handler, served

HEALTH = {
    "signature": "coco",
    "version": "9.9.9",
    "api_version": 1,
    "pid": 1,
    "started_at": 0.0,
    "uptime_seconds": 1.0,
    "home": "/nowhere",
    "model": {"name": "m", "state": "ready"},
    "queues": {},
}

Answer = Callable[["Script"], None]


class Script(Handler):
    """A request at a scripted service; the script of its path decides what is sent."""

    scripts: dict[str, Answer]
    connections: list[object]

    def setup(self) -> None:
        super().setup()
        self.connections.append(self.connection)

    def do_GET(self) -> None:
        self.sent = self.body()
        path = self.path.partition("?")[0]
        if path == "/v1/sys/health" and path not in self.scripts:
            self.send_json({"meta": {}, "data": HEALTH})
            return
        self.scripts[path](self)

    do_POST = do_DELETE = do_GET

    def send_json(self, document: object, status: int = 200) -> None:
        self.answer(status, document)

    def send_raw(self, content: bytes, status: int = 200) -> None:
        self.answer(status, content)

    def send_events(self, *events: JobEvent) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            data = event.model_dump_json()
            self.wfile.write(
                f": waiting\n\nid: {event.sequence}\nevent: job\ndata: {data}\n\n".encode()
            )


@contextmanager
def scripted(
    scripts: dict[str, Answer], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[Client, type[Script]]]:
    kind = type("Scripted", (Script,), {"scripts": scripts, "connections": []})
    with served(kind, tls=tls) as server:
        client = Client(f"http://127.0.0.1:{server.server_address[1]}", timeout=5)
        try:
            yield client, kind
        finally:
            client.close()
