"""The door: encrypted or not at all, a key for all but health, no body that no route reads."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coco_core.errors import (
    BodyTooLarge,
    CocoError,
    Forbidden,
    InvalidConfig,
    Unauthorized,
    UnsupportedMediaType,
)
from coco_protocol.serving.errors import error_response, request_id_of
from coco_protocol.serving.exchange import LOG_FIELDS_KEY
from coco_server.auth.authenticate import IDENTITY_KEY, Authenticator, bearer
from coco_server.pools import Threads
from coco_server.settings import Settings

__all__ = ["IMPORT_PATHS", "MAX_BODY_BYTES", "AuthMiddleware"]

MAX_BODY_BYTES = 10 * 1024 * 1024
"""The largest request that is no import is a query with 10,000 document ids, well below."""

IMPORT_PATHS = frozenset({"/v1/docs/import", "/v1/ingest/batch"})
"""These read their bodies as streams, of more types and sizes, and count themselves."""

# What probes and clients may ask before they have a key.
_OPEN_PATHS = frozenset(
    {"/v1/sys/health", "/v1/sys/health/live", "/v1/sys/health/ready", "/openapi.json", "/docs"}
)

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class AuthMiddleware:
    """Pure ASGI middleware that lets in who shows a key."""

    def __init__(
        self, app: ASGIApp, settings: Settings, authenticator: Authenticator, threads: Threads
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._threads = threads
        self._proxies = (
            [_network(text) for text in settings.trusted_proxies]
            if settings.tls_mode == "proxy"
            else None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it in the envelope."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_encrypted(scope, headers)
            if scope["path"] not in _OPEN_PATHS:
                identity = await self._threads.query(
                    self._authenticator.authenticate, bearer(headers)
                )
                scope[IDENTITY_KEY] = identity
                if identity.key is not None:
                    scope[LOG_FIELDS_KEY] = {
                        "org_id": identity.key.org_id,
                        "key_id": identity.key.key_id,
                    }
            streamed = scope["path"] in IMPORT_PATHS
            if scope["type"] == "http" and not streamed:
                _check_body(scope["method"], headers)
        except CocoError as error:
            extra = {"www-authenticate": "Bearer"} if isinstance(error, Unauthorized) else None
            response = error_response(error, request_id_of(HTTPConnection(scope)), extra)
            await response(scope, receive, send)
            return
        limited = receive if scope["type"] == "websocket" or streamed else _limited(receive)
        await self._app(scope, limited, send)

    def _check_encrypted(self, scope: Scope, headers: Headers) -> None:
        """Behind a proxy, serve only what it received encrypted; only it may say so."""
        if self._proxies is None:
            return
        client = scope.get("client")
        try:
            address = ipaddress.ip_address(client[0]) if client else None
        except ValueError:
            address = None
        if address is None or not any(address in network for network in self._proxies):
            raise Forbidden(
                "This service is reached through its proxy only.",
                hint="COCO_TRUSTED_PROXIES names the addresses that proxies call from.",
            )
        # Chained proxies append: what the client spoke stands first.
        spoken = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        if spoken not in {"https", "wss"}:
            raise Forbidden(
                "The request did not come over https.",
                hint="Use https; the proxy must send X-Forwarded-Proto.",
            )


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidConfig(
            f"COCO_TRUSTED_PROXIES holds {text!r}: {error}.",
            hint="Use addresses and networks, such as 10.0.0.0/8.",
        ) from error


def _check_body(method: str, headers: Headers) -> None:
    """Refuse large bodies and what is no JSON."""
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large(int(length))
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
            f"The charset is {charset or 'utf-8'!r} and the encoding {encoding!r}.",
            hint="Send JSON in UTF-8, uncompressed.",
        )


def _too_large(size: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body has {size} bytes or more; this route takes {MAX_BODY_BYTES}.",
        hint="Large imports go to POST /v1/ingest/batch, which reads them as a stream.",
        details={"limit_bytes": MAX_BODY_BYTES},
    )


def _limited(receive: Receive) -> Receive:
    """Count what arrives without a length; the framework passes this exception on unchanged."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > MAX_BODY_BYTES:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail=_too_large(size).message
                )
        return message

    return counted
