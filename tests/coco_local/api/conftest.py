"""A daemon's web application on a real socket, over a service in memory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from tests.coco_local.api.memory_service import MemoryService

from coco_local.api.app import create_app
from coco_local.settings import Settings, load_settings

KEY = "correct horse battery staple"


def settings_for(home: Path, **flags: object) -> Settings:
    return load_settings({"home": home, **flags}, environ={})


@contextmanager
def serve(service: MemoryService, settings: Settings) -> Iterator[str]:
    """Serve until the end of the block; the address is answered from the first moment on."""
    app = create_app(service, settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    with socket.create_server(("127.0.0.1", 0)) as listener:
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
def service() -> MemoryService:
    return MemoryService()


@pytest.fixture
def address(service: MemoryService, tmp_path: Path) -> Iterator[str]:
    with serve(service, settings_for(tmp_path)) as url:
        yield url


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def exposed(service: MemoryService, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a daemon whose settings open it to the network under 192.0.2.7."""
    settings = settings_for(tmp_path, host="192.0.2.7", api_key=KEY)
    with serve(service, settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client
