"""A server on loopback that speaks enough of Google Cloud Storage to be listed and read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.google_account import GoogleAccount
from tests.http_server import Handler, served

# So few that a listing of some objects has several pages.
_PAGE = 3


@dataclass
class GcsServer:
    """Where it listens, whom it serves, and the objects of its one bucket, ``coco``."""

    endpoint: str
    account: GoogleAccount
    objects: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """Run the server; a fixture yields from this."""
    with served(_Handler) as server:
        state = GcsServer(f"http://127.0.0.1:{server.server_port}", GoogleAccount())
        server.state = state  # type: ignore[attr-defined]
        yield state


class _Handler(Handler):
    def respond(self) -> None:
        state: GcsServer = self.server.state  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, bucket, *rest = parts.path.split("/", 2)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if state.account.signed(token) is None:
            self.answer(401, b"<Error><Code>AuthenticationRequired</Code></Error>")
        elif bucket != "coco":
            self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        elif "list-type" in query:
            self.answer(200, self._list(state.objects, query).encode())
        elif (name := unquote(rest[0])) in state.objects:
            body = state.objects[name]
            headers = {"ETag": f'"{_etag(body)}"', "Last-Modified": formatdate(0, usegmt=True)}
            self.answer(200, body, headers)
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    @staticmethod
    def _list(objects: dict[str, bytes], query: dict[str, str]) -> str:
        names = sorted(name for name in objects if name.startswith(query.get("prefix", "")))
        start = int(query.get("continuation-token", "0"))
        page = names[start : start + _PAGE]
        found = "".join(
            f"<Contents><Key>{escape(name)}</Key><ETag>&quot;{_etag(objects[name])}&quot;</ETag>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<Size>{len(objects[name])}</Size></Contents>"
            for name in page
        )
        if start + _PAGE < len(names):
            found += f"<NextContinuationToken>{start + _PAGE}</NextContinuationToken>"
        return f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>{found}</ListBucketResult>'


def _etag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]
