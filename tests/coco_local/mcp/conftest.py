"""The fake service over real files, and the daemon's web application over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult

from coco_local.api.app import create_app
from coco_local.settings import Settings, load_settings
from coco_protocol.system import ModelBody
from tests.app_server import serve_app
from tests.fake_service import FakeService


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


@pytest.fixture
def serving() -> Callable[..., AbstractContextManager[str]]:
    return serve_app


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"COCO_HOME": str(tmp_path / "coco-home")})


@pytest.fixture
def daemon_url(service: FakeService, settings: Settings) -> Iterator[str]:
    """The address of the whole API over the fake service, served for real."""
    with serve_app(create_app(service, settings)) as url:
        yield url


@pytest.fixture
def http_url(daemon_url: str) -> str:
    return f"{daemon_url}/mcp"
