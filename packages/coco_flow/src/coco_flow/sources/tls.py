"""The TLS context of HTTP clients, loaded once, since that takes longer than most requests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["trusted"]


@cache
def trusted() -> SSLContext:
    """Return what every client of httpx uses, as `verify`; some 100 ms when first called."""
    import httpx

    return httpx.create_ssl_context()
