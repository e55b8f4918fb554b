"""A server on loopback that speaks S3, for tests of blob storage."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.server import ThreadedMotoServer


@dataclass(frozen=True)
class S3Server:
    """Where it listens; its one bucket is called ``coco``."""

    endpoint: str

    @property
    def options(self) -> dict[str, object]:
        """What a client needs to know beyond the URL."""
        return {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": "test",
            "secret_access_key": "test",
            "client_options": {"allow_http": True},
        }

    @property
    def environment(self) -> dict[str, str]:
        """The same for another process."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ALLOW_HTTP": "true",
        }


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run the server; a fixture yields from this."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        found = S3Server(f"http://{host}:{port}")
        # All servers of a process share what is stored: what another test left is forgotten.
        for method, path in (("POST", "moto-api/reset"), ("PUT", "coco")):
            request = urllib.request.Request(f"{found.endpoint}/{path}", method=method)
            urllib.request.urlopen(request).close()
        yield found
    finally:
        server.stop()
