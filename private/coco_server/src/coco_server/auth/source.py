"""The address that a request came from, as the audit log notes it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

__all__ = ["SOURCE_KEY", "Network", "address_of", "source_of"]

SOURCE_KEY = "coco.source"
"""Where `AccessControl` notes the address in the ASGI scope."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address; None where a text is none."""
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


def source_of(scope: Scope, headers: Headers, proxies: Sequence[Network]) -> str | None:
    """Return where a request came from; None where that is not known.

    ``X-Forwarded-For`` is believed as far as trusted proxies wrote it: each appends whom it was
    called by, so the last one that is no proxy is the caller, who may have written what stands
    before.
    """
    client = scope.get("client")
    forwarded = ",".join(headers.getlist("x-forwarded-for"))
    chain = [each.strip() for each in forwarded.split(",") if each.strip()]
    found = str(client[0]) if client else None
    while chain and found is not None:
        address = address_of(found)
        if address is None or not any(address in network for network in proxies):
            break
        found = chain.pop()
    return found[:100] if found is not None else None
