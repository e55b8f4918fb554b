"""Connections to the PostgreSQL databases that sources read from."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from coco_flow.auth import TransientAuthEntryReference
from coco_flow.errors import missing_extra
from coco_flow.postgres_database import connect, named_database
from coco_flow.setting import DatabaseConnectionSpec

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
    return named_database(
        reference,
        "A Postgres source",
        "Pass database=add_transient_auth_entry(DatabaseConnectionSpec(url=…)).",
    )


def open_connection(database: DatabaseConnectionSpec, **options: Any) -> Connection[Any]:
    """Open a separate connection, for work that would occupy a pool's for too long.

    Raises:
        ExtraMissing: psycopg is not installed.
        Unavailable: The database cannot be reached, or does not let this user in.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise missing_extra("The source Postgres", "psycopg", "postgres")
    overrides = {"user": database.user, "password": database.password}
    options |= {name: value for name, value in overrides.items() if value is not None}
    options |= {"connect_timeout": _CONNECT_SECONDS, "application_name": "coco-flow"}
    return connect(database.url, options)
