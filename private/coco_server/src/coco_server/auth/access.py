"""Access to the service: encrypted or not at all, and with a key for all but health."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Scope

from coco_core.errors import InvalidInput
from coco_protocol.errors import hide_internals
from coco_protocol.serving.exchange import LOG_FIELDS_KEY
from coco_protocol.serving.guard import BodyLimits
from coco_server.auth.authenticate import IDENTITY_KEY, SOURCE_KEY, bearer
from coco_server.auth.key_checks import KeyChecks
from coco_server.auth.org_rate import OrgRate
from coco_server.auth.proxies import TrustedProxies
from coco_server.settings import Settings

__all__ = ["BODY_LIMITS", "OPEN_PATHS", "AccessControl", "trusted_proxies"]

BODY_LIMITS = BodyLimits(
    hint="Large imports go to POST /v1/ingest/batch, which reads them as a stream.",
    streamed_paths=frozenset({"/v1/docs/import", "/v1/ingest/batch", "/v1/rules"}),
)

# Load balancers ask these, from wherever they are, without a key and without TLS of their own.
_PROBE_PATHS = frozenset({"/v1/sys/health/live", "/v1/sys/health/ready"})

OPEN_PATHS = _PROBE_PATHS | {"/v1/sys/health", "/openapi.json", "/docs"}
"""What probes and clients may ask before they have a key."""

# An address of the sixth version with its zone; what a proxy passes on may be any text.
_LONGEST_ADDRESS = 100

# Of these the service and a proxy before it might each believe another one. Not X-Forwarded-For:
# some proxies add a line to those that are there.
_ONLY_ONCE = frozenset(
    {b"authorization", b"content-encoding", b"content-length", b"content-type", b"host",
     b"x-forwarded-proto"}
)  # fmt: skip
_ONLY_ONCE_PREFIX = b"x-coco-"

_SPACES = b" \t"


class AccessControl:
    """Lets in who shows a key, and notes in the ASGI scope whose it is."""

    def __init__(self, settings: Settings, checks: KeyChecks, org_rate: OrgRate) -> None:
        self._checks = checks
        self._org_rate = org_rate
        self._proxies = trusted_proxies(settings)
        self._behind_proxy = settings.tls_mode == "proxy"

    async def check(self, scope: Scope, headers: Headers) -> None:
        """Refuse a request.

        Raises:
            Forbidden: it was not encrypted on its way.
            InvalidInput: a header that decides who asks, or a query parameter, is sent twice.
            RateLimited: too many wrong keys came from the client's address, or too many requests
                that concern the org from its keys.
            Unauthorized: it shows no key, or one that opens nothing.
        """
        hide_internals(True)
        headers = _without_spaces(scope, headers)
        _check_headers(headers)
        _check_query(scope)
        if scope["path"] in _PROBE_PATHS:
            return
        if self._behind_proxy:
            self._proxies.check_encrypted(scope, headers)
        if scope["path"] in OPEN_PATHS:
            return
        address = self._proxies.client_of(scope, headers)
        identity = await self._checks.identify(bearer(headers), address)
        scope[IDENTITY_KEY] = identity
        scope[SOURCE_KEY] = address[:_LONGEST_ADDRESS] or None
        # Who has the operator's key reads the log, too.
        hide_internals(identity.role == "key")
        if identity.key is not None:
            scope[LOG_FIELDS_KEY] = {
                "org_id": identity.key.org_id,
                "key_id": identity.key.key_id,
            }
            await self._org_rate.check(scope, identity.key.org_id)


def trusted_proxies(settings: Settings) -> TrustedProxies:
    """Return the proxies before the service; none where it serves clients itself."""
    return TrustedProxies(settings.trusted_proxies if settings.tls_mode == "proxy" else ())


def _without_spaces(scope: Scope, headers: Headers) -> Headers:
    """Take the spaces around values out of the request: they are no part of them (RFC 9110, 5.5).

    Not every parser does, and a name with a space behind it is another name.
    """
    if all(value == value.strip(_SPACES) for _, value in headers.raw):
        return headers
    scope["headers"] = [(name, value.strip(_SPACES)) for name, value in headers.raw]
    return Headers(scope=scope)


# Query parameters that are lists (`ImportOptions`).
_LISTS = frozenset({"deletes"})


def _check_query(scope: Scope) -> None:
    """Refuse what is said twice, unless it is a list: one of the two would be ignored."""
    given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    for name, count in Counter(name for name, _ in given).items():
        if count > 1 and name not in _LISTS:
            raise InvalidInput(
                f"The query parameter {name[:100]!r} is sent more than once.", hint="Send it once."
            )


def _check_headers(headers: Headers) -> None:
    counted = Counter(
        name for name, _ in headers.raw if name in _ONLY_ONCE or name.startswith(_ONLY_ONCE_PREFIX)
    )
    twice = sorted(name.decode("latin-1") for name, count in counted.items() if count > 1)
    if twice:
        raise InvalidInput(f"The header {twice[0]!r} is sent more than once.", hint="Send it once.")
