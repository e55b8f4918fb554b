"""Warnings for a database with more tables than its PostgreSQL is set up for."""

from __future__ import annotations

import math

import psycopg
from psycopg.rows import TupleRow

__all__ = ["capacity_warnings"]

# Fast enough for every disk: opening so many tables' files after a crash takes some seconds.
_FEW_TABLES = 5_000

# Room for the versions of the coming weeks, so that the server need not be restarted again soon.
_GROWTH = 2

_LOOK = """
    SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'r'),
        current_setting('max_locks_per_transaction')::int,
        current_setting('max_connections')::int
            + current_setting('max_prepared_transactions')::int,
        current_setting('recovery_init_sync_method')
"""


def capacity_warnings(connection: psycopg.Connection[TupleRow]) -> list[str]:
    """Return what an administrator should set for the number of tables there is."""
    row = connection.execute(_LOOK).fetchone()
    assert row is not None
    tables, locks, sessions, sync = row
    warnings = []
    if tables > locks * sessions:
        needed = math.ceil(_GROWTH * tables / sessions)
        warnings.append(
            f"`pg_dump` locks all of the {tables} tables, and this PostgreSQL has room for "
            f"{locks * sessions} locks: set max_locks_per_transaction to {needed} and restart it."
        )
    if tables > _FEW_TABLES and sync == "fsync":
        warnings.append(
            f"After a crash PostgreSQL opens every file of the {tables} tables before it answers, "
            "which takes minutes: set recovery_init_sync_method to syncfs (on Linux)."
        )
    return warnings
