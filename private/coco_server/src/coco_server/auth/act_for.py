"""Who vouches for the user that a request names, where acting for another would do harm."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from coco_core.errors import Forbidden
from coco_server.auth.viewers import TOKEN_HEADER
from coco_server.store.keys import ApiKey

__all__ = ["require_may_act_for"]


def require_may_act_for(connection: HTTPConnection, key: ApiKey, user_id: str) -> None:
    """Refuse a request for a user whom nothing vouches for.

    A user's own token does, which `authorize` has verified and compared with the user. So does a
    key that has the scope ``impersonate``, or names the user.

    Raises:
        Forbidden: the bearer of the key could have written any user into the header.
    """
    if connection.headers.get(TOKEN_HEADER) is not None:
        return
    if "impersonate" in key.scopes or user_id in key.users:
        return
    raise Forbidden(
        f"The key may not act for the user {user_id!r}.",
        hint=f"Send the user's own token in {TOKEN_HEADER}, or use a key with the scope "
        "'impersonate', or one that names the user.",
    )
