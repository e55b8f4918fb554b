"""A service whose connections have short limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api_service import Org, Running, running, settings_for
from tests.postgres_server import fresh_database

# Of one address: more than a test opens by itself.
PER_ADDRESS = 24


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = settings_for(
        fresh_database(),
        tmp_path_factory.mktemp("blobs"),
        COCO_MAX_CONNECTIONS_PER_ADDRESS=str(PER_ADDRESS),
        COCO_HEAD_SECONDS="1",
        COCO_BODY_SECONDS="1",
        COCO_SEND_SECONDS="1",
        COCO_KEEP_ALIVE_SECONDS="1",
        COCO_EXPORTS_AT_ONCE="2",
    )
    with running(settings) as found:
        yield found


@pytest.fixture(scope="module")
def acme(service: Running) -> Org:
    return service.org("Acme").with_project()
