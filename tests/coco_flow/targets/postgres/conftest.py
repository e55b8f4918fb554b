from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from coco_flow.auth import AuthEntryReference, add_auth_entry
from coco_flow.setting import DatabaseConnectionSpec
from tests.coco_flow.targets.postgres.tables import DATABASE
from tests.postgres_server import running_postgres


@pytest.fixture(scope="session")
def url() -> str:
    return running_postgres().create_database(DATABASE)


@pytest.fixture(scope="session")
def database(url: str) -> AuthEntryReference[DatabaseConnectionSpec]:
    return add_auth_entry(DATABASE, DatabaseConnectionSpec(url, min_connections=1))


@pytest.fixture
def connection(url: str) -> Iterator[Any]:
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened
