"""The fake service over real files, and the daemon's web application over it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp.types import CallToolResult

from coco_local.api.app import create_app
from coco_local.settings import Settings, load_settings
from coco_protocol.system import ModelBody
from tests.fake_service import FakeService


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of three files."""
    root = tmp_path / "shop"
    (root / "src").mkdir(parents=True)
    (root / "src" / "cart.py").write_text(
        "class Cart:\n    pass\n\ndef add_item(cart, item):\n    cart.append(item)\n",
        encoding="utf-8",
    )
    (root / "src" / "pay.py").write_text("def pay(cart):\n    return sum(cart)\n", encoding="utf-8")
    (root / "README.md").write_text("# Shop\n\nPut an item into the cart.\n", encoding="utf-8")
    return root


@pytest.fixture
def service(project: Path, tmp_path: Path) -> FakeService:
    missing = ModelBody(name="all-MiniLM-L6-v2", state="missing", hint="coco setup")
    service = FakeService(home=str(tmp_path / "coco-home"), model=missing)
    service.add_directory(project)
    return service


@pytest.fixture
def text_of() -> Callable[[CallToolResult], str]:
    def text(result: CallToolResult) -> str:
        assert len(result.content) == 1
        content: Any = result.content[0]
        return str(content.text)

    return text


@contextmanager
def serve(app: Any, port: int = 0) -> Iterator[str]:
    """Run an ASGI application on a (free) port of this machine and yield its address."""
    # Without the protocol named, asyncio leaves Nagle on and every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def serving() -> Callable[..., AbstractContextManager[str]]:
    return serve


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"COCO_HOME": str(tmp_path / "coco-home")})


@pytest.fixture
def daemon_url(service: FakeService, settings: Settings) -> Iterator[str]:
    """The address of the whole API over the fake service, served for real."""
    with serve(create_app(service, settings)) as url:
        yield url


@pytest.fixture
def http_url(daemon_url: str) -> str:
    return f"{daemon_url}/mcp"
