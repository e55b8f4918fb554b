"""The client's address behind proxies: as far as trusted proxies vouch for it."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from coco_server.auth.proxies import TrustedProxies

PROXIES = TrustedProxies(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        # What stands before the last address that is no proxy's, anybody may have written.
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        # HAProxy adds a line of its own.
        ("10.0.0.1", ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
    ],
)
def test_the_client_is_the_last_that_is_no_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    lines = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    assert PROXIES.client_of({"client": (peer, 1)}, Headers(raw=lines)) == client
