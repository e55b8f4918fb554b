"""A real PostgreSQL with pgvector for tests: one server a session, a fresh database a module.

A ``conftest.py`` imports the fixtures that its tests need: `database`, `database_url`, `postgres`.
"""

from __future__ import annotations

import atexit
import itertools
from collections.abc import Iterator
from functools import cache

import pytest

from coco_server.dev.postgres import DevPostgres
from coco_server.store.migrate import migrate
from coco_server.store.session import Database
from tests.started import require

__all__ = ["database", "database_url", "fresh_database", "postgres", "running_postgres"]

_numbers = itertools.count(1)

TEMPLATE = "coco_template"


def running_postgres() -> DevPostgres:
    """The session's server, with a migrated database to copy; it ends with the process."""
    require("postgres")
    return _server()


@cache
def _server() -> DevPostgres:
    server = DevPostgres().start()
    atexit.register(server.stop)
    migrate(server.create_database(TEMPLATE))
    return server


def fresh_database() -> str:
    """Return the URL of a migrated, empty database of its own."""
    return running_postgres().create_database(f"test_{next(_numbers)}", template=TEMPLATE)


@pytest.fixture(scope="session")
def postgres() -> DevPostgres:
    return running_postgres()


@pytest.fixture(scope="module")
def database_url() -> str:
    """A migrated database that the tests of one module share."""
    return fresh_database()


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url, most=16) as opened:
        yield opened
