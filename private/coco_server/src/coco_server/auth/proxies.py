"""Trusted proxies: who may say that a request came encrypted, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from starlette.datastructures import Headers
from starlette.types import Scope

from coco_core.errors import Forbidden, InvalidConfig

__all__ = ["TrustedProxies"]

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """Networks that proxies call from; none where clients are served directly."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Read addresses and networks.

        Raises:
            InvalidConfig: one is neither.
        """
        self._networks = tuple(_network(text) for text in texts)

    def contain(self, address: str) -> bool:
        """Say whether a proxy calls from this address."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client_of(self, scope: Scope, headers: Headers) -> str:
        """Return the address of the client: the last in the chain that is no proxy's."""
        peer = scope.get("client")
        address = str(peer[0]) if peer else ""
        if not self.contain(address):
            return address
        given = ",".join(headers.getlist("x-forwarded-for"))
        chain = [part.strip() for part in given.split(",")]
        return next((each for each in reversed(chain) if each and not self.contain(each)), address)

    def check_encrypted(self, scope: Scope, headers: Headers) -> None:
        """Refuse what a proxy did not receive encrypted; only a proxy may say so.

        Raises:
            Forbidden: it did not, or the request comes from elsewhere.
        """
        client = scope.get("client")
        if not client or not self.contain(str(client[0])):
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


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidConfig(
            f"COCO_TRUSTED_PROXIES holds {text!r}: {error}.",
            hint="Use addresses and networks, such as 10.0.0.0/8.",
        ) from error
