"""Connections to the PostgreSQL databases that sources read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coco_core.errors import Unavailable
from coco_flow.auth import TransientAuthEntryReference, resolve_auth_entry
from coco_flow.errors import DefinitionError, missing_extra
from coco_flow.setting import DatabaseConnectionSpec, own_database

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["open_connection", "source_database"]

# A host that does not answer is given up after this.
_CONNECT_SECONDS = 30


def source_database(
    reference: TransientAuthEntryReference[DatabaseConnectionSpec] | None,
) -> DatabaseConnectionSpec:
    """Return the database that an auth entry names; None is the flow's own.

    Raises:
        DefinitionError: There is no such entry, or the flow's own state is not in PostgreSQL.
    """
    if reference is not None:
        return resolve_auth_entry(reference)
    own = own_database()
    if own is None or not own.url.startswith(("postgres://", "postgresql://")):
        raise DefinitionError(
            "A Postgres source without `database` reads from the flow's own database, which is "
            "not a PostgreSQL.",
            hint="Pass database=add_transient_auth_entry(DatabaseConnectionSpec(url=…)).",
        )
    return own


def open_connection(database: DatabaseConnectionSpec, **options: Any) -> Connection[Any]:
    """Open a separate connection, for work that would occupy a pool's for too long.

    Raises:
        ExtraMissing: psycopg is not installed.
        Unavailable: The database cannot be reached, or does not let this user in.
    """
    try:
        import psycopg
    except ImportError as error:
        raise missing_extra("The source Postgres", "psycopg", "postgres") from error
    from coco_flow.targets.postgres_pool import public_url

    overrides = {"user": database.user, "password": database.password}
    options |= {name: value for name, value in overrides.items() if value is not None}
    options |= {"connect_timeout": _CONNECT_SECONDS, "application_name": "coco-flow"}
    try:
        return psycopg.connect(database.url, **options)
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"The database {public_url(database.url)} cannot be reached: {str(error).strip()}",
            hint="Check the URL, the user and the password, and that the server is running.",
        ) from error
