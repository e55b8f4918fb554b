"""Requests to an HTTP service that a target writes to, on the standard library, with retries."""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from coco_core.errors import InvalidInput, Unavailable

__all__ = ["HttpService", "Response"]

# Rate limits, and servers that are overloaded, restarting or behind a proxy that waits for them.
_TEMPORARY = frozenset({408, 425, 429, 502, 503, 504})

# The first and the longest wait, in seconds, and how much longer each is than the one before.
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 10.0
_GROWTH = (1.618, 2.0)


@dataclass(frozen=True, slots=True)
class Response:
    """What a service answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON; None if it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def shown(self) -> str:
        """Return the beginning of the body for a message."""
        return self.body[:500].decode("utf-8", "replace")


class HttpService:
    """One service; every request must be safe to repeat, for temporary failures are retried.

    Args:
        name: What it is, for messages.
        url: Where it is.
        headers: Sent with every request.
        timeout: Seconds without a byte after which a request has failed.
        retry_seconds: How long failures are retried that may be temporary.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        retry_seconds: float = 30.0,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(
                f"{url!r} is not the address of {name}.", hint="It looks like http://host:port."
            )
        self.name = name
        self.url = url.rstrip("/")
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._retry_seconds = retry_seconds
        # A proxy for other machines cannot reach this one.
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        handlers = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Response:
        """Send a GET of `path`."""
        return self._request("GET", path, query, lambda: None, {})

    def post(self, path: str, body: Any, *, method: str = "POST") -> Response:
        """Send a JSON body."""
        data = json.dumps(body, ensure_ascii=False).encode()
        sent = {"Content-Type": "application/json"}
        return self._request(method, path, None, lambda: data, sent)

    def upload(
        self,
        path: str,
        open_body: Callable[[], BinaryIO],
        content_type: str,
        size: int,
        query: Mapping[str, object] | None = None,
    ) -> Response:
        """Send a file, which is opened again for every attempt."""
        sent = {"Content-Type": content_type, "Content-Length": str(size)}
        return self._request("POST", path, query, open_body, sent)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None,
        body: Callable[[], bytes | BinaryIO | None],
        headers: Mapping[str, str],
    ) -> Response:
        target = self.url + path + (f"?{urlencode(query)}" if query else "")
        deadline = time.monotonic() + self._retry_seconds
        wait = _FIRST_WAIT
        while True:
            request = urllib.request.Request(  # noqa: S310 - the scheme was checked
                target, data=body(), headers={**self._headers, **headers}, method=method
            )
            after = 0.0
            try:
                response = self._send(request)
                if response.status not in _TEMPORARY:
                    return response
                after = _seconds(response.headers.get("Retry-After"))
                failure: Exception | None = None
            except (http.client.HTTPException, OSError) as error:
                failure = error
            left = deadline - time.monotonic()
            if left <= max(after, 0):
                if failure is None:
                    return response
                reason = getattr(failure, "reason", None) or failure
                raise Unavailable(
                    f"{self.name} at {self.url} does not answer: {reason}",
                    hint="Is it running, and is the address right?",
                ) from failure
            time.sleep(min(max(wait, after), left))
            wait = min(wait * random.uniform(*_GROWTH), _LONGEST_WAIT)  # noqa: S311 - no secret

    def _send(self, request: urllib.request.Request) -> Response:
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return Response(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, error.read(), dict(error.headers))
        finally:
            if request.data is not None and hasattr(request.data, "close"):
                request.data.close()


def _seconds(header: str | None) -> float:
    text = (header or "").strip()
    return float(text) if text.replace(".", "", 1).isdigit() else 0.0
