"""User tokens: JSON Web Tokens of an OpenID Connect issuer that say who a request is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import jwt
from jwt.exceptions import PyJWTError

from coco_core.errors import Forbidden, Unauthorized
from coco_server.auth.header_text import is_name
from coco_server.auth.key_sets import ALGORITHMS, KeySets
from coco_server.settings import Settings

__all__ = ["SignIn", "TokenUser", "UserTokens"]

# Clocks of two machines differ by seconds.
_LEEWAY_SECONDS = 60

_MOST_GROUPS = 1_000
# Identity providers keep tokens below what proxies take as a header: 8 or 16 kB.
_MOST_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whose tokens are taken, and what they are asked for."""

    issuer: str
    """Equal to the claim ``iss``, letter by letter."""
    audience: str
    """Among the claim ``aud``."""
    key_set: str
    """A URL, a file's path or the JSON text of the issuer's keys (JWKS)."""
    user_claim: str = "sub"
    groups_claim: str = "groups"
    """A path of names with dots for a claim within others: ``realm_access.roles``."""
    org_claim: str | None = None
    """A claim that must be equal to the org, where one issuer serves several."""

    @classmethod
    def of_settings(cls, settings: Settings) -> Self | None:
        """Return what the service's settings say; None when they name no issuer."""
        key_set = settings.oidc_jwks_url or settings.oidc_jwks_file
        if settings.oidc_issuer is None or settings.oidc_audience is None or key_set is None:
            return None
        return cls(
            settings.oidc_issuer,
            settings.oidc_audience,
            str(key_set),
            settings.oidc_user_claim,
            settings.oidc_groups_claim,
            settings.oidc_org_claim,
        )

    @classmethod
    def of_org(cls, stored: Mapping[str, Any] | None) -> Self | None:
        """Return what an org has of its own; None when it has nothing."""
        return None if stored is None else cls(**stored)


@dataclass(frozen=True, slots=True)
class TokenUser:
    """Who a token says it is for."""

    user_id: str
    groups: tuple[str, ...]


class UserTokens:
    """Verifies user tokens; synchronous, for it may have to fetch an issuer's keys."""

    def __init__(self) -> None:
        self._key_sets = KeySets()

    def verify(self, token: str, sign_in: SignIn | None, org_id: str) -> TokenUser:
        """Return who a token is for.

        Raises:
            Unauthorized: it is not valid.
            Forbidden: no issuer is configured, or the token is for another org.
            Unavailable: the issuer's keys cannot be read.
        """
        if sign_in is None:
            raise Forbidden(
                "This service takes no user tokens: no issuer is configured.",
                hint="Leave x-coco-user-token out, or set COCO_OIDC_ISSUER, COCO_OIDC_AUDIENCE and "
                "COCO_OIDC_JWKS_URL.",
            )
        claims = self._claims(token, sign_in)
        if sign_in.org_claim is not None and _claim(claims, sign_in.org_claim) != org_id:
            raise Forbidden(
                f"The user token is not for the org {org_id!r}.",
                hint=f"Its claim {sign_in.org_claim!r} must name the org.",
            )
        user = _claim(claims, sign_in.user_claim)
        if not isinstance(user, str) or not is_name(user):
            raise _invalid(f"its claim {sign_in.user_claim!r} names no user")
        return TokenUser(user, _groups(_claim(claims, sign_in.groups_claim), sign_in.groups_claim))

    def _claims(self, token: str, sign_in: SignIn) -> Mapping[str, Any]:
        if len(token) > _MOST_BYTES:
            raise _invalid(f"it has more than {_MOST_BYTES} characters")
        try:
            header = jwt.get_unverified_header(token)
        except PyJWTError as error:
            raise _invalid("it is no JSON Web Token") from error
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise _invalid(f"its algorithm is none of {', '.join(ALGORITHMS)}")
        key = self._key_sets.of(sign_in.key_set).key(
            key_id if isinstance(key_id, str) else None, algorithm
        )
        if key is None:
            raise _invalid("its issuer has no key of that name and algorithm")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=sign_in.audience,
                issuer=sign_in.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except PyJWTError as error:
            raise _invalid(str(error)) from error
        return claims


def _claim(claims: Mapping[str, Any], path: str) -> object:
    """Return a claim by its name, or by a path; names themselves may hold dots (``https://a.b/c``)."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _groups(value: object, claim: str) -> tuple[str, ...]:
    if value is None:
        return ()
    groups = [value] if isinstance(value, str) else value
    if not isinstance(groups, list) or not all(isinstance(each, str) for each in groups):
        raise _invalid(f"its claim {claim!r} is no list of names")
    if len(groups) > _MOST_GROUPS:
        raise _invalid(f"its claim {claim!r} has more than {_MOST_GROUPS} groups")
    # Others stand in no allow list.
    return tuple(filter(is_name, groups))


def _invalid(reason: str) -> Unauthorized:
    return Unauthorized(
        f"The user token is not valid: {reason[:200]}.",
        hint="Send a token of the configured issuer that has not expired, for this service.",
    )
