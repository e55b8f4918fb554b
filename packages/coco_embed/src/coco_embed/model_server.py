"""Requests to a server that runs a model: key, attempts, waits, and an end at any time."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from coco_core.errors import InvalidConfig, Unavailable

if TYPE_CHECKING:
    import httpx

__all__ = ["CHARACTERS_PER_TOKEN", "STATUS", "ModelServer"]

CHARACTERS_PER_TOKEN = 3
"""A server usually refuses input above its window instead of cutting it. Code and prose have three
characters a token and more, so that this cut keeps nearly every text whole and inside."""

STATUS = "http_status"
"""The detail of an `Unavailable` that says what the server answered; 0 when it did not."""

# Answers that another attempt may change: timeouts, rate limits, and servers that start or restart.
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
# Where a request has a deadline, there is no use in asking when less than this is left.
_SHORTEST_SECONDS = 0.01


class ModelServer:
    """One route of a server; every method may be called from any thread at any time."""

    def __init__(
        self,
        *,
        kind: str,
        url: str,
        model: str,
        api_key_env: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Describe the server; nothing is sent before the first request.

        Args:
            kind: What messages call it, such as ``embedding server``.
            url: Of the route.
            model: The server's name of the model.
            api_key_env: Environment variable with the key, read at each request.
            timeout: Seconds that one request may take.
        """
        if not url.startswith(("http://", "https://")):
            raise InvalidConfig(
                f"The {kind}'s URL is {url!r}.", hint="It must begin with http:// or https://."
            )
        self.url = url
        self.model = model
        self._kind = kind
        self._api_key_env = api_key_env
        self._timeout = timeout
        self._closed = threading.Event()
        self._opening = threading.Lock()
        self._client: httpx.Client | None = None
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def post(
        self,
        body: Mapping[str, object],
        attempts: int,
        *,
        before_attempt: Callable[[], None] | None = None,
        before_wait: Callable[[float, str], None] | None = None,
        deadline: float | None = None,
    ) -> httpx.Response:
        """Return the server's answer to ``body``, which succeeded.

        Args:
            body: to be sent as JSON.
            attempts: to be made where another one may help.
            before_attempt: called before each; it may raise to end the request.
            before_wait: called with the seconds and the reason before a wait; likewise.
            deadline: in the seconds of `time.monotonic`; the request is given up then.

        Raises:
            Unavailable: no attempt succeeded.
        """
        import httpx

        problem, status = "there was no time left", 0
        for attempt in range(attempts):
            if before_attempt is not None:
                before_attempt()
            if deadline is not None and deadline - time.monotonic() < _SHORTEST_SECONDS:
                break
            wait = _backoff(attempt)
            try:
                response = self._send(body, deadline)
            except httpx.RequestError as error:
                problem, status = f"{type(error).__name__}: {error}", 0
            else:
                if response.is_success:
                    return response
                status = response.status_code
                problem = f"HTTP {status}: {response.text[:200]!r}"
                if status not in _RETRYABLE:
                    break
                asked = _retry_after(response.headers.get("Retry-After"))
                wait = _spread(asked) if asked else wait
            if attempt + 1 < attempts:
                if deadline is not None and time.monotonic() + wait >= deadline:
                    break
                if before_wait is not None:
                    before_wait(wait, problem)
                if self._closed.wait(wait):
                    break
        raise Unavailable(
            f"The {self._kind} {self.url} gave no answer for {self.model!r} ({problem}).",
            hint=self._hint(status),
            details={STATUS: status},
        )

    def unload(self) -> None:
        """Close idle connections; the next request opens them again."""
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def close(self) -> None:
        """End waiting and connections; calls in progress raise `Unavailable` at once."""
        self._closed.set()
        self._hang_up()
        self.unload()

    def _send(self, body: Mapping[str, object], deadline: float | None) -> httpx.Response:
        import httpx

        # How long each read may take says nothing about all of them: a server that sends a byte
        # now and then would hold a request for ever.
        left = self._timeout
        if deadline is not None:
            left = min(left, max(deadline - time.monotonic(), _SHORTEST_SECONDS))
        with self._open().stream(
            "POST",
            self.url,
            json=dict(body),
            headers=self._headers(),
            extensions={"trace": self._trace},
            timeout=httpx.Timeout(left, connect=min(left, _CONNECT_SECONDS)),
        ) as response:
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if deadline is not None and time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer came too slowly", request=response.request)
            # What it says of its length and form was for the bytes that came over the wire.
            headers = {"Retry-After": response.headers.get("Retry-After", "")}
            return httpx.Response(response.status_code, headers=headers, content=bytes(content))

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the sockets of connections, so that a request in progress can be ended."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            found = info["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                self._sockets.add(found)
            if self._closed.is_set():
                self._hang_up()

    def _hang_up(self) -> None:
        for each in list(self._sockets):
            # Not the method of an SSL socket, which takes its state away from a thread that reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _open(self) -> httpx.Client:
        import httpx

        with self._opening:
            if self._closed.is_set():
                raise Unavailable(
                    f"The connection to the {self._kind} is closed.",
                    hint="Restart CoCo: coco restart",
                )
            if self._client is None:
                self._client = httpx.Client()
            return self._client

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(self._api_key_env, "") if self._api_key_env else ""
        if self._api_key_env and not key:
            raise InvalidConfig(
                f"The {self._kind} needs a key, but {self._api_key_env} is not set.",
                hint=f"Set the environment variable {self._api_key_env}.",
            )
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _hint(self, status: int) -> str:
        if status in (401, 403):
            return f"Check the key in {self._api_key_env or 'the variable that api_key_env names'}."
        if status == 404:
            return "Check the URL (it usually ends with /v1) and the model's name."
        return "Check that the server runs and can be reached."


def _backoff(attempt: int) -> float:
    """Return a wait that doubles, with jitter so that clients do not come back all at once."""
    return _FIRST_WAIT_SECONDS * 2.0**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def _spread(seconds: float) -> float:
    """Return a little more than what a server asks for, so that not all clients come back at once.

    Never less: a limit that resets on the second would refuse again.
    """
    return seconds * random.uniform(1.0, 1.1)  # noqa: S311 - no secret


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a server asks to wait: a number, or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)
