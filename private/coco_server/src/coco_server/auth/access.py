"""Access to the service: encrypted or not at all, and with a key for all but health."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

from coco_core.errors import Forbidden, InvalidConfig
from coco_protocol.serving.exchange import LOG_FIELDS_KEY
from coco_protocol.serving.guard import BodyLimits
from coco_protocol.serving.pools import ThreadPools
from coco_server.auth.authenticate import IDENTITY_KEY, Authenticator, bearer
from coco_server.settings import Settings

__all__ = ["BODY_LIMITS", "AccessControl"]

BODY_LIMITS = BodyLimits(
    hint="Large imports go to POST /v1/ingest/batch, which reads them as a stream.",
    streamed_paths=frozenset({"/v1/docs/import", "/v1/ingest/batch"}),
)

# What probes and clients may ask before they have a key.
_OPEN_PATHS = frozenset(
    {"/v1/sys/health", "/v1/sys/health/live", "/v1/sys/health/ready", "/openapi.json", "/docs"}
)


class AccessControl:
    """Lets in who shows a key, and notes in the ASGI scope whose it is."""

    def __init__(
        self, settings: Settings, authenticator: Authenticator, pools: ThreadPools
    ) -> None:
        self._authenticator = authenticator
        self._pools = pools
        self._proxies = (
            [_network(text) for text in settings.trusted_proxies]
            if settings.tls_mode == "proxy"
            else None
        )

    async def check(self, scope: Scope, headers: Headers) -> None:
        """Refuse a request.

        Raises:
            Forbidden: it was not encrypted on its way.
            Unauthorized: it shows no key, or one that opens nothing.
        """
        self._check_encrypted(scope, headers)
        if scope["path"] in _OPEN_PATHS:
            return
        identity = await self._pools.run(
            "access", self._authenticator.authenticate, bearer(headers)
        )
        scope[IDENTITY_KEY] = identity
        if identity.key is not None:
            scope[LOG_FIELDS_KEY] = {
                "org_id": identity.key.org_id,
                "key_id": identity.key.key_id,
            }

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
