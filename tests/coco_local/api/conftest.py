"""A daemon's web application on a real socket, over a service in memory."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn

from coco_local.api.app import create_app
from coco_local.settings import load_settings

if TYPE_CHECKING:
    from coco_local.settings import Settings

# Without packages (import-mode=importlib) a neighbor module is loaded by its path.
_SPEC = importlib.util.spec_from_file_location(
    "coco_api_memory_service", Path(__file__).with_name("memory_service.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
memory_service = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = memory_service
_SPEC.loader.exec_module(memory_service)


def settings_for(home: Path, **flags: object) -> Settings:
    return load_settings({"home": home, **flags}, environ={})


@contextmanager
def serve(service: object, settings: Settings) -> Iterator[str]:
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
def service() -> object:
    return memory_service.MemoryService()


@pytest.fixture
def address(service: object, tmp_path: Path) -> Iterator[str]:
    with serve(service, settings_for(tmp_path)) as url:
        yield url


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def exposed(service: object, tmp_path: Path) -> Iterator[Callable[..., httpx.Response]]:
    settings = settings_for(tmp_path, host="192.0.2.7", api_key="correct horse battery")
    with serve(service, settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client.request
