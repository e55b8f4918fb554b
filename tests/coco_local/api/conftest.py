"""A daemon's web application on a real socket, over a service in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from coco_local.api.app import create_app
from coco_local.daemon.listener import bind, listen
from coco_local.settings import Settings, load_settings
from tests.fake_service import FakeService, demo_service


def settings_for(home: Path, **flags: object) -> Settings:
    return load_settings({"home": home, **flags}, environ={})


@contextmanager
def serve(service: FakeService, settings: Settings) -> Iterator[str]:
    """Serve until the end of the block; the address is answered from the first moment on."""
    app = create_app(service, settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    with closing(bind("127.0.0.1", 0)) as listener:
        listen(listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            app.state.streams.close()
            server.should_exit = True
            thread.join(timeout=10)
    assert not thread.is_alive()


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
