"""Who an answer is for: what vouches for the user and the groups that a request names."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from coco_core.errors import Forbidden, InvalidInput
from coco_server.auth.header_text import header_text, is_name
from coco_server.auth.sign_in import SignIn, UserTokens
from coco_server.store.access import VIEWS_EVERYTHING, VIEWS_PUBLIC, Viewer
from coco_server.store.keys import ApiKey

__all__ = ["GROUPS_HEADER", "TOKEN_HEADER", "Presented", "presented", "viewer_of"]

TOKEN_HEADER = "x-coco-user-token"  # noqa: S105 - the header's name
GROUPS_HEADER = "x-coco-groups"

_MOST_GROUPS = 1_000


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says of its user; nothing of it is proven yet."""

    user_id: str
    token: str | None
    groups: tuple[str, ...] | None
    """None: the header is not there."""


def presented(connection: HTTPConnection, user_id: str) -> Presented:
    """Read the headers that say who a request is for.

    Raises:
        InvalidInput: the groups cannot be read, or both a token and groups come.
    """
    token, groups = connection.headers.get(TOKEN_HEADER), connection.headers.get(GROUPS_HEADER)
    if token is not None and groups is not None:
        raise InvalidInput(
            f"The request has both {TOKEN_HEADER} and {GROUPS_HEADER}.",
            hint="The groups of a token stand in the token; leave the other header out.",
        )
    return Presented(user_id, token, None if groups is None else _groups(header_text(groups)))


def viewer_of(
    key: ApiKey, given: Presented, tokens: UserTokens, sign_in: SignIn | None, org_id: str
) -> Viewer:
    """Return who the answer is for.

    A valid token vouches for its user and groups, whatever the key may. Otherwise a key with the
    scope ``impersonate`` does; and one with ``read_all`` is shown everything. Any other key is
    shown what everybody may see: its bearer can write any user into the header.

    Raises:
        Unauthorized: the token is not valid.
        Forbidden: it is another user's, or the key may not say in which groups a user is.
        Unavailable: the token's issuer cannot be asked for its keys.
    """
    if given.token is not None:
        user = tokens.verify(given.token, sign_in, org_id)
        if user.user_id != given.user_id:
            raise Forbidden(
                f"The user token is not for the user {given.user_id!r}.",
                hint="Send the token's own user in x-coco-user-id.",
            )
        return Viewer.of(user.user_id, user.groups)
    if "impersonate" in key.scopes:
        return Viewer.of(given.user_id, given.groups or ())
    if given.groups is not None:
        raise Forbidden(
            f"The key may not say in which groups a user is ({GROUPS_HEADER}).",
            hint=f"Send the user's own token in {TOKEN_HEADER}, or use a key with the scope "
            "'impersonate'.",
        )
    return VIEWS_EVERYTHING if "read_all" in key.scopes else VIEWS_PUBLIC


def _groups(text: str) -> tuple[str, ...]:
    """Read names with commas between them, or a JSON array where names hold commas themselves."""
    names: object = [part.strip() for part in text.split(",") if part.strip()]
    if text.lstrip().startswith("["):
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            names = None
    if not isinstance(names, list) or len(names) > _MOST_GROUPS or not all(map(is_name, names)):
        raise InvalidInput(
            f"{GROUPS_HEADER} cannot be read.",
            hint=f'Send up to {_MOST_GROUPS} names as "a, b", or as a JSON array of texts.',
        )
    return tuple(names)
