"""The dashboard over a daemon's web application on a real socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from coco_local.api.app import create_app
from coco_local.api.service import DaemonService
from coco_local.client.http_client import Client
from coco_local.settings import load_settings
from coco_local.tui.app import CocoApp
from coco_local.tui.search import SearchView
from coco_protocol.base import Request
from coco_protocol.operations import Operation
from tests.app_server import serve_app
from tests.coco_local.tui.sample_service import SampleService, busy_projects
from tests.coco_local.tui.screen_text import screen_text

# Long enough for a machine that does something else, short enough to notice.
PATIENCE = 15.0


class ConditionTimeout(AssertionError):
    """A condition that a test waited for did not come true."""


class Switch(DaemonService):
    """Stands before the service of the test that runs, so that one server serves them all."""

    service: SampleService
    stop_requested = threading.Event()

    def call(self, operation: Operation[Any, Any], request: Request) -> Any:
        return self.service.call(operation, request)


class Server:
    """The application at a port that stays the same when it stops and comes back."""

    def __init__(self, switch: Switch, home: Path) -> None:
        self.switch = switch
        self._settings = load_settings({"home": home}, environ={})
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._running = ExitStack()
        self._runs = False

    def start(self) -> None:
        if not self._runs:
            app = create_app(self.switch, self._settings)
            self._running.enter_context(serve_app(app, self.port))
            self._running.callback(app.state.streams.close)
            self._runs = True

    def stop(self) -> None:
        self._running.close()
        self._runs = False


@dataclass
class Session:
    """A running dashboard, as a test drives it."""

    app: CocoApp
    pilot: Pilot[bool]
    service: SampleService
    server: Server

    @property
    def text(self) -> str:
        """What stands on the screen; many times quicker than a picture, for conditions."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def picture_text(self) -> str:
        """The same from the exported picture."""
        return screen_text(self.app.export_screenshot())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def paste(self, text: str) -> None:
        """Hand a whole text to the focused input: quicker than its letters one by one."""
        focused = self.app.focused
        assert focused is not None
        focused.post_message(events.Paste(text))
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise ConditionTimeout(f"never came true, the screen is\n{self.text}")
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def until_shown(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text for text in texts))

    async def until_gone(self, text: str) -> None:
        await self.until(lambda: text not in self.text)


class Stage:
    def __init__(self, service: SampleService, server: Server) -> None:
        self.service = service
        self.server = server

    @asynccontextmanager
    async def session(
        self,
        *,
        size: tuple[int, int] = (120, 40),
        owns_daemon: bool = False,
        environ: dict[str, str] | None = None,
        closing: threading.Event | None = None,
        place: Path = Path("/"),
    ) -> AsyncIterator[Session]:
        """Run a dashboard until the end of the block; what the app returned is known after it."""
        with Client(self.server.url, timeout=10) as client:
            app = CocoApp(
                client,
                "http://127.0.0.1:3456",
                owns_daemon=owns_daemon,
                closing=closing,
                environ=environ or {},
                place=place,
            )
            async with app.run_test(size=size, notifications=True) as pilot:
                search = app.dashboard.query_one(SearchView)
                yield Session(app, pilot, self.service, self.server)
            app.feed.join()
            search.join()


@pytest.fixture
def service() -> SampleService:
    return SampleService(project_list=busy_projects())


@pytest.fixture(scope="session")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(Switch(), tmp_path_factory.mktemp("home"))
    yield server
    server.stop()


@pytest.fixture
def server(service: SampleService, one_server: Server) -> Server:
    one_server.switch.service = service
    one_server.start()
    return one_server


@pytest.fixture
def stage(
    service: SampleService, server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("HOME", "/home/ada")
    time.tzset()
    yield Stage(service, server)
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
async def session(stage: Stage) -> AsyncIterator[Session]:
    """A dashboard that shows the projects."""
    async with stage.session() as session:
        await session.until_shown("courier")
        yield session
