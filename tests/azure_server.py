"""A server on loopback that speaks enough of Azure Blob Storage to be listed and read.

It checks what it is asked for with: a signature by the account's key, a SAS token, or an access
token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.http_server import Handler, served

ACCOUNT = "cocoaccount"
KEY = base64.b64encode(b"a key of the account, for tests").decode()
TOKEN = "a-token-of-the-directory"
SAS = "sv=2024-11-04&ss=b&sig=s3cr%2Bt%3D"

# So few that a listing of some blobs has several pages.
_PAGE = 3


@dataclass
class AzureServer:
    """Where it listens, and the blobs of its one container, which is called ``coco``."""

    endpoint: str
    blobs: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.endpoint}/;"
        )


@contextmanager
def azure_server() -> Iterator[AzureServer]:
    """Run the server; a fixture yields from this."""
    with served(_Handler) as server:
        state = AzureServer(f"http://127.0.0.1:{server.server_port}/{ACCOUNT}")
        server.state = state  # type: ignore[attr-defined]
        yield state


class _Handler(Handler):
    @property
    def state(self) -> AzureServer:
        return self.server.state  # type: ignore[attr-defined,no-any-return]

    def respond(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.state.requests.append(f"{self.command} {parts.path}")
        # Behind its name in the cloud, the account is not part of the path.
        named = self.headers.get("Host", "").startswith(f"{ACCOUNT}.blob.")
        path = f"/{ACCOUNT}{parts.path}" if named else parts.path
        _, account, container, *rest = path.split("/", 3)
        if account != ACCOUNT or not self._is_allowed(path, parts.query, query):
            self.answer(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
        elif container != "coco":
            self.answer(404, b"<Error><Code>ContainerNotFound</Code></Error>")
        elif query.get("comp") == "list":
            self.answer(200, self._list(query).encode(), {"Content-Type": "application/xml"})
        else:
            name = unquote(rest[0])
            if name in self.state.blobs:
                self._send_blob(self.state.blobs[name])
            else:
                self.answer(404, b"<Error><Code>BlobNotFound</Code></Error>")

    def _send_blob(self, body: bytes) -> None:
        headers = {"ETag": _etag(body), "Last-Modified": formatdate(0, usegmt=True)}
        asked = self.headers.get("x-ms-range")
        if asked is None:
            self.answer(200, body, headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(body)), len(body) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
        self.answer(206, body[start : end + 1], headers)

    def _list(self, query: dict[str, str]) -> str:
        names = sorted(n for n in self.state.blobs if n.startswith(query.get("prefix", "")))
        start = int(query.get("marker", "0"))
        page = names[start : start + _PAGE]
        more = str(start + _PAGE) if start + _PAGE < len(names) else ""
        blobs = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties>"
            f"<Last-Modified>{formatdate(0, usegmt=True)}</Last-Modified>"
            f"<Etag>{_etag(self.state.blobs[name]).strip(chr(34))}</Etag>"
            f"<Content-Length>{len(self.state.blobs[name])}</Content-Length>"
            "<Content-Type>text/plain</Content-Type><BlobType>BlockBlob</BlobType>"
            "</Properties></Blob>"
            for name in page
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults>'
            f"<Blobs>{blobs}</Blobs><NextMarker>{more}</NextMarker></EnumerationResults>"
        )

    def _is_allowed(self, path: str, raw: str, query: dict[str, str]) -> bool:
        if "sig" in query:
            wanted = {name: values[0] for name, values in parse_qs(SAS).items()}
            return all(query.get(name) == value for name, value in wanted.items())
        given = self.headers.get("Authorization", "")
        if given == f"Bearer {TOKEN}":
            return True
        return given == f"SharedKey {ACCOUNT}:{self._signature(path, query)}"

    def _signature(self, path: str, query: dict[str, str]) -> str:
        """Sign the request as the documentation of the service says."""
        names = ["Content-Encoding", "Content-Language", "Content-Length", "Content-MD5"]
        names += ["Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match"]
        names += ["If-Unmodified-Since", "Range"]
        lines = [self.command, *(self.headers.get(name, "") for name in names)]
        if lines[3] == "0":
            lines[3] = ""
        special = {n.lower(): v for n, v in self.headers.items() if n.lower().startswith("x-ms-")}
        lines += [f"{name}:{special[name].strip()}" for name in sorted(special)]
        lines.append(f"/{ACCOUNT}{path}")
        lines += [f"{name.lower()}:{query[name]}" for name in sorted(query)]
        digest = hmac.digest(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'
