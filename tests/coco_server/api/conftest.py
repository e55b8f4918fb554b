"""One service for the tests of a module, over a fresh database."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api_service import Org, Running, running, settings_for
from tests.postgres_server import fresh_database


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = settings_for(fresh_database(), tmp_path_factory.mktemp("blobs"))
    with running(settings) as found:
        yield found


@pytest.fixture(scope="module")
def acme(service: Running) -> Org:
    return service.org("Acme").with_project()


@pytest.fixture
def client(service: Running, acme: Org) -> Iterator[httpx.Client]:
    with service.client(acme.headers) as client:
        yield client


@pytest.fixture
def admin(service: Running) -> Iterator[httpx.Client]:
    with service.client(service.admin) as client:
        yield client
