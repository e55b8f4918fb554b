"""PostgreSQL databases of targets and sources: look-up by auth entry, connections, URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coco_core.errors import Unavailable
from coco_flow.auth import TransientAuthEntryReference, resolve_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.setting import DatabaseConnectionSpec, mask_password_parameter, own_database

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["connect", "named_database", "public_url"]


def named_database(
    reference: str | TransientAuthEntryReference[DatabaseConnectionSpec] | None,
    what: str,
    hint: str,
) -> DatabaseConnectionSpec:
    """Return the database that an auth entry names; None is the flow's own.

    Args:
        reference: The entry.
        what: What uses the database, for the message.
        hint: How to name another database.

    Raises:
        DefinitionError: There is no such entry, or the flow's own state is not in PostgreSQL.
    """
    if reference is not None:
        found: DatabaseConnectionSpec = resolve_auth_entry(reference)
        return found
    own = own_database()
    if own is None or not own.url.startswith(("postgres://", "postgresql://")):
        raise DefinitionError(
            f"{what} without `database` uses the flow's own database, which is not a PostgreSQL.",
            hint=hint,
        )
    return own


def connect(url: Any, arguments: Any) -> Connection[Any]:
    """Open a connection with arguments of `psycopg.connect`; psycopg must be installed.

    Raises:
        Unavailable: The database cannot be reached, or does not let this user in.
    """
    import psycopg

    try:
        return psycopg.connect(url, **arguments)
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"The database {public_url(url)} cannot be reached: {str(error).strip()}",
            hint="Check the URL, the user and the password, and that the server is running.",
        ) from error


def public_url(url: str) -> str:
    """Return a connection URL without its password, for messages."""
    url = mask_password_parameter(url)
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if not separator or not at:
        return url
    return f"{scheme}://{credentials.partition(':')[0]}@{place}"
