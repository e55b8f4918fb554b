"""ASGI middleware: checks Host, Origin, key, and body; no web page reaches the daemon.

A page in the user's browser can reach 127.0.0.1 in two ways. By DNS rebinding its own name points
here: then ``Host`` names a stranger. Or it sends requests across origins: then ``Origin`` or
``Sec-Fetch-Site`` names a stranger, and its simple requests cannot carry JSON. All are refused
before a route sees them, for HTTP, WebSocket and MCP alike.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

from coco_core.errors import Forbidden, InvalidConfig, Unauthorized
from coco_local.settings import Settings
from coco_protocol.serving.guard import BodyLimits, bearer_token

__all__ = ["BODY_LIMITS", "AccessControl", "is_loopback_peer"]

BODY_LIMITS = BodyLimits(hint="Divide the request; files are named by path and never sent.")

# Names that mean this machine whatever the resolver says; 127.0.0.2 and the like serve nobody.
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# Bound to all addresses, the daemon cannot know by which names it is called; the key decides.
_WILDCARDS = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared, not bound

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?")

# What probes may ask without a key: whether CoCo runs here.
_OPEN_PATH = "/v1/sys/health"


class AccessControl:
    """Lets in the programs of this machine and, where it is open to others, who has the key."""

    def __init__(self, settings: Settings) -> None:
        if settings.exposed and not settings.api_key:
            raise InvalidConfig(
                f"The host {settings.host!r} opens CoCo to other machines, and no key is set.",
                hint="Set COCO_API_KEY to a long random text, or use the host 127.0.0.1.",
            )
        self._key = settings.api_key if settings.exposed else None
        self._any_host = settings.host in _WILDCARDS
        self._hosts = _LOOPBACK | {settings.host.strip("[]").lower()}

    async def check(self, scope: Scope, headers: Headers) -> None:
        """Refuse a request.

        Raises:
            Forbidden: a stranger's page sent it, or it was meant for another host.
            Unauthorized: the daemon is open to the network, and the key is missing or wrong.
        """
        self._check_host(headers)
        self._check_origin(headers)
        self._check_key(scope, headers)

    def _check_host(self, headers: Headers) -> None:
        given = headers.getlist("host")
        if len(given) == 1:
            name = _host_name(given[0])
            if name is not None and (self._any_host or name in self._hosts):
                return
        raise Forbidden(
            f"The Host {', '.join(given)!r} is not this daemon.",
            hint="Use http://127.0.0.1 or http://localhost; COCO_HOST opens another name.",
        )

    def _check_origin(self, headers: Headers) -> None:
        origins = headers.getlist("origin")
        allowed = _LOOPBACK | {_host_name(headers["host"])}
        for origin in origins:
            if _origin_name(origin) not in allowed:
                raise Forbidden(
                    f"Pages of {origin!r} may not use CoCo.",
                    hint="Only pages served from this machine may; programs send no Origin.",
                )
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        # A link that the user follows is fine (he sees the answer, the page does not); an image,
        # a script or a form of a foreign page is not.
        if site == "cross-site" and mode != "navigate" and not origins:
            raise Forbidden(
                "Another site's page may not use CoCo.",
                hint="Open the address in the browser itself.",
            )

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        if self._key is None or (scope["type"] == "http" and scope["path"] == _OPEN_PATH):
            return
        # Headers are bytes that were read as Latin-1; this gets the bytes back.
        given = bearer_token(headers).encode("latin-1")
        if not hmac.compare_digest(given, self._key.encode()):
            raise Unauthorized(
                "This daemon is open to the network and needs its key.",
                hint="Send 'Authorization: Bearer <key>' with the key in COCO_API_KEY.",
            )


def is_loopback_peer(connection: HTTPConnection) -> bool:
    """Whether the other end of the connection is on this machine."""
    if connection.client is None:
        return False
    try:
        return ipaddress.ip_address(connection.client.host).is_loopback
    except ValueError:
        return False


def _host_name(text: str) -> str | None:
    """Return the name without port and brackets, or None for what is no host."""
    match = _HOST.fullmatch(text.strip())
    if match is None:
        return None
    return (match["six"] or match["name"]).lower()


def _origin_name(text: str) -> str | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.path or parts.query or parts.fragment:
        return None
    return _host_name(parts.netloc)
