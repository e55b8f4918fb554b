"""Middleware that refuses a request before any route sees it: who asks, and what is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coco_core.errors import BodyTooLarge, CocoError, Unauthorized, UnsupportedMediaType
from coco_protocol.serving.errors import error_response, note_failure, request_id_of

__all__ = ["MAX_BODY_BYTES", "AccessCheck", "BodyLimits", "RequestGuard", "bearer_token"]

MAX_BODY_BYTES = 10 * 1024 * 1024
"""The largest request is a query with 10,000 document ids, well below."""

AccessCheck: TypeAlias = Callable[[Scope, Headers], Awaitable[None]]
"""Raises `CocoError` for a request that may not go on."""

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What the routes of a service take as a body."""

    hint: str
    """What to do instead of sending a large body."""
    streamed_paths: frozenset[str] = frozenset()
    """These read their bodies as streams, of more types and sizes, and count themselves."""

    def check_streamed(self, headers: Headers) -> None:
        """Refuse a compressed body, whose size would not be known from what arrives.

        Raises:
            UnsupportedMediaType: it is compressed.
        """
        encoding = headers.get("content-encoding", "identity")
        if encoding.strip().lower() not in {"", "identity"}:
            raise UnsupportedMediaType(
                f"The content encoding is {encoding!r}.",
                hint="Send the body uncompressed, or as Parquet, which compresses its columns.",
            )

    def check(self, method: str, headers: Headers) -> None:
        """Refuse large bodies, and what is no JSON: forms can send every other content type.

        Raises:
            BodyTooLarge: the body's length says so.
            UnsupportedMediaType: it is not JSON in UTF-8, uncompressed.
        """
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            raise self._too_large(int(length))
        kind = headers.get("content-type")
        has_body = "transfer-encoding" in headers or length != "0"
        if not has_body and (kind is None or method in _BODILESS):
            return
        media, _, parameters = (kind or "").partition(";")
        if media.strip().lower() != "application/json":
            raise UnsupportedMediaType(
                f"The content type is {kind!r}; this route reads application/json.",
                hint="Send the header 'content-type: application/json'.",
            )
        charset = parameters.partition("charset=")[2].strip().strip('"').lower()
        encoding = headers.get("content-encoding", "identity")
        if charset not in {"", "utf-8", "utf8"} or encoding != "identity":
            raise UnsupportedMediaType(
                f"The charset is {charset or 'utf-8'!r} and the content encoding {encoding!r}.",
                hint="Send JSON in UTF-8, uncompressed.",
            )

    def counted(self, receive: Receive) -> Receive:
        """Count what arrives without a length; the framework passes the exception on unchanged."""
        size = 0

        async def received() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > MAX_BODY_BYTES:
                    raise HTTPException(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail=self._too_large(size).message
                    )
            return message

        return received

    def _too_large(self, size: int) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body has {size} bytes or more; this route takes {MAX_BODY_BYTES}.",
            hint=self.hint,
            details={"limit_bytes": MAX_BODY_BYTES},
        )


class RequestGuard:
    """Pure ASGI middleware for HTTP and WebSocket; refusals have the envelope."""

    def __init__(self, app: ASGIApp, check: AccessCheck, limits: BodyLimits) -> None:
        self._app = app
        self._check = check
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        streamed = scope["path"] in self._limits.streamed_paths
        limited = scope["type"] == "http" and not streamed
        try:
            await self._check(scope, headers)
            if streamed:
                self._limits.check_streamed(headers)
            if limited:
                self._limits.check(scope["method"], headers)
        except CocoError as error:
            note_failure(error, request_id_of(HTTPConnection(scope)))
            extra = {"www-authenticate": "Bearer"} if isinstance(error, Unauthorized) else None
            response = error_response(error, request_id_of(HTTPConnection(scope)), extra)
            await response(scope, receive, send)
            return
        await self._app(scope, self._limits.counted(receive) if limited else receive, send)


def bearer_token(headers: Headers) -> str:
    """Return the key of ``Authorization: Bearer <key>``, or nothing."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""
