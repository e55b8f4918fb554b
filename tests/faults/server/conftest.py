"""A database for the tests of each module that asks for one."""

from __future__ import annotations

from tests.postgres_server import database, database_url

__all__ = ["database", "database_url"]
