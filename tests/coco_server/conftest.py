"""A database for the tests of a module, and an org of its own in it for each test."""

from __future__ import annotations

import pytest

from coco_server.store.session import Database
from tests.coco_server.tenants import Tenant, new_tenant
from tests.postgres_server import database, database_url

__all__ = ["database", "database_url"]


@pytest.fixture
def tenant(database: Database) -> Tenant:
    return new_tenant(database)
