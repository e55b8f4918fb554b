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

    def respond(self) -> None:
        self.body = self.read_body()
        path = self.path.partition("?")[0]
        if path == "/v1/sys/health" and path not in self.scripts:
            self.send_json({"meta": {}, "data": HEALTH})
            return
        self.scripts[path](self)

    def send_json(self, document: object, status: int = 200) -> None:
        self.answer(status, document)

    def send_stream(self, *messages: str) -> None:
        """Send these as a stream of events, and break off."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for message in messages:
            self.wfile.write(f"{message}\n\n".encode())

    def send_events(self, *events: JobEvent) -> None:
        messages = []
        for event in events:
            data = event.model_dump_json()
            messages += [": waiting", f"id: {event.sequence}\nevent: job\ndata: {data}"]
        self.send_stream(*messages)


@contextmanager
def scripted(
    scripts: dict[str, Answer], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[Client, type[Script]]]:
    kind = type("Scripted", (Script,), {"scripts": scripts, "connections": []})
    with (
        served(kind, tls=tls) as server,
        Client(f"http://127.0.0.1:{server.server_port}", timeout=5) as client,
    ):
        yield client, kind
