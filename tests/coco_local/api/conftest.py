"""A daemon's web application on a real socket, over a service in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.sync.client import connect

from coco_local.api.app import create_app
from coco_local.settings import Settings, load_settings
from tests.app_server import serve_app
from tests.fake_service import FakeService, demo_service


def settings_for(home: Path, **flags: object) -> Settings:
    return load_settings({"home": home, **flags}, environ={})


@contextmanager
def serve(service: FakeService, settings: Settings) -> Iterator[str]:
    app = create_app(service, settings)
    with serve_app(app) as url:
        try:
            yield url
        finally:
            app.state.streams.close()


def refused_socket(url: str, **options: object) -> Response:
    """Return the answer to a client that wants a WebSocket and does not get it."""
    with pytest.raises(InvalidStatus) as caught, connect(url, proxy=None, **options):  # type: ignore[arg-type]  # as `connect` takes them
        pass
    return caught.value.response


@pytest.fixture
def service() -> FakeService:
    return demo_service()


@pytest.fixture
def address(service: FakeService, tmp_path: Path) -> Iterator[str]:
    with serve(service, settings_for(tmp_path)) as url:
        yield url


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=10, trust_env=False) as client:
        yield client
