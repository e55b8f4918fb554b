"""HTTP transport to the daemon: JSON and server-sent events, on the standard library alone.

`http.client` costs 20 ms to import where a full HTTP library costs 200; a command that asks one
question would feel the difference.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from coco_core.errors import CocoError, DaemonNotRunning, InvalidInput, Unavailable

__all__ = ["NOT_RUNNING", "START", "HttpTransport", "not_coco_error"]

START: Final = "coco start --detach"
"""The command that starts the service and returns, on a terminal or without one."""

NOT_RUNNING: Final = f"start the CoCo service first: {START}"
"""What every client says when nothing listens."""

# More idle connections than a dashboard and its commands use at once serve nobody.
_MAX_IDLE = 4

# What a connection that the service closed while it was idle looks like to the next request.
_GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class HttpTransport:
    """Exchanges JSON with one service; thread-safe, and connections are used again."""

    def __init__(self, base_url: str, *, api_key: str | None = None, timeout: float = 30.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(
                f"{base_url!r} is not the address of a service.",
                hint="It looks like http://127.0.0.1:3456.",
            )
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._headers = {"accept": "application/json", "user-agent": "coco"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that the service answers.

        ``timeout`` are the seconds to wait for it, when fewer than the transport's own.

        Raises:
            DaemonNotRunning: nothing listens.
            CocoError: what the service answered instead, as the class it raised.
        """
        target = self._target(path, query)
        sent = self._headers | dict(headers or {})
        data = None
        if body is not None:
            data = body.encode()
            sent["content-type"] = "application/json"
        timeout = self.timeout if timeout is None else min(timeout, self.timeout)
        with self._translated_errors(path, timeout):
            connection, reused = self._take(timeout)
            try:
                try:
                    answer = _send(connection, method, target, data, sent)
                except _GONE:
                    # A kept connection may have been closed since; a new one that fails is an
                    # answer.
                    if not reused:
                        raise
                    connection.close()
                    answer = _send(connection, method, target, data, sent)
                with answer:
                    content = answer.read()
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)
        return _decode(content, answer.status, self.base_url)

    def events(
        self, path: str, *, query: Mapping[str, object] | None = None, silence: float
    ) -> Iterator[tuple[str, str]]:
        """Yield name and data of server-sent events, on a connection of its own, until it ends.

        Args:
            path: The route.
            query: Its parameters.
            silence: Seconds without a byte after which the stream counts as dead.
        """
        name, data = "message", ""
        for line in self._lines(path, query, silence):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data = f"{data}\n{value}" if data else value
            elif not line and data:
                if name == "error":
                    raise _decode_error(data, self.base_url)
                yield name, data
                name, data = "message", ""

    def _lines(
        self, path: str, query: Mapping[str, object] | None, silence: float
    ) -> Iterator[str]:
        with self._translated_errors(path, silence):
            connection = self._connection(silence)
            try:
                sent = self._headers | {"accept": "text/event-stream"}
                connection.request("GET", self._target(path, query), headers=sent)
                with connection.getresponse() as answer:
                    if answer.status == http.client.NO_CONTENT:
                        return
                    if answer.status != http.client.OK:
                        _decode(answer.read(), answer.status, self.base_url)
                    while line := answer.readline():
                        yield line.decode("utf-8", "replace").rstrip("\r\n")
            finally:
                connection.close()

    def close(self) -> None:
        """Close what is idle; the transport may be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _target(self, path: str, query: Mapping[str, object] | None) -> str:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._prefix + path + (f"?{urlencode(given)}" if given else "")

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout)

    def _take(self, timeout: float) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            return self._connection(timeout), False
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection, True

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def _translated_errors(self, path: str, timeout: float) -> Iterator[None]:
        """Translate errors of sockets into errors that a user can act upon."""
        try:
            yield
        except TimeoutError as error:
            raise Unavailable(
                f"The CoCo service at {self.base_url} gave no answer to {path} "
                f"within {timeout:g} s.",
                hint="It may be overloaded, or another program listens there. See: coco doctor",
            ) from error
        except ConnectionRefusedError as error:
            raise DaemonNotRunning(NOT_RUNNING, details={"url": self.base_url}) from error
        except http.client.HTTPException as error:
            if isinstance(error, _GONE):
                raise self._lost(error) from error
            raise not_coco_error(self.base_url) from error
        except _GONE as error:
            raise self._lost(error) from error
        except OSError as error:
            raise DaemonNotRunning(
                NOT_RUNNING, details={"url": self.base_url, "reason": str(error)}
            ) from error

    def _lost(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"The CoCo service at {self.base_url} closed the connection before it answered.",
            hint="See whether it still runs with: coco status",
            details={"reason": str(error)},
        )


def not_coco_error(base_url: str) -> Unavailable:
    """Return the error for a program that listens and is not CoCo."""
    return Unavailable(
        f"What answers at {base_url} is not the CoCo service.",
        hint=f"Start CoCo on another port: {START} --port PORT (or set COCO_PORT)",
        details={"url": base_url},
    )


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    data: bytes | None,
    headers: dict[str, str],
) -> http.client.HTTPResponse:
    connection.request(method, target, body=data, headers=headers)
    return connection.getresponse()


def _decode(content: bytes, status: int, base_url: str) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise not_coco_error(base_url) from error
    if not isinstance(answer, dict):
        raise not_coco_error(base_url)
    if "error" in answer:
        raise _error(answer["error"], status, base_url)
    if status >= http.client.BAD_REQUEST:
        raise not_coco_error(base_url)
    return answer


def _decode_error(data: str, base_url: str) -> CocoError:
    try:
        answer = json.loads(data)
    except ValueError:
        return not_coco_error(base_url)
    body = answer.get("error") if isinstance(answer, dict) else None
    return _error(body, http.client.INTERNAL_SERVER_ERROR, base_url)


def _error(body: object, status: int, base_url: str) -> CocoError:
    # Only a failed command pays for the models.
    from pydantic import ValidationError

    from coco_protocol.envelope import ErrorBody
    from coco_protocol.errors import to_error

    try:
        return to_error(ErrorBody.model_validate(body), status)
    except ValidationError:
        return not_coco_error(base_url)
