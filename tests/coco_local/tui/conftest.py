"""The dashboard over a daemon's web application on a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
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
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is not None:
            return
        self._app = create_app(self.switch, self._settings)
        config = uvicorn.Config(self._app, log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}
        )
        self._thread.start()

    def stop(self) -> None:
        if self._thread is None:
            return
        self._app.state.streams.close()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()
        self._thread = None


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


Scenario = Callable[[Session], Awaitable[None]]


class Stage:
    """Runs a scenario over the dashboard and returns what the app returned."""

    def __init__(self, service: SampleService, server: Server) -> None:
        self.service = service
        self.server = server

    def play(
        self,
        scenario: Scenario,
        *,
        size: tuple[int, int] = (120, 40),
        owns_daemon: bool = False,
        environ: dict[str, str] | None = None,
        closing: threading.Event | None = None,
    ) -> bool | None:
        return asyncio.run(self._play(scenario, size, owns_daemon, environ or {}, closing))

    async def _play(
        self,
        scenario: Scenario,
        size: tuple[int, int],
        owns_daemon: bool,
        environ: dict[str, str],
        closing: threading.Event | None,
    ) -> bool | None:
        with Client(self.server.url, timeout=10) as client:
            app = CocoApp(
                client,
                "http://127.0.0.1:3456",
                owns_daemon=owns_daemon,
                closing=closing,
                environ=environ,
            )
            async with app.run_test(size=size, notifications=True) as pilot:
                search = app.dashboard.query_one(SearchView)
                await scenario(Session(app, pilot, self.service, self.server))
            app.feed.join()
            search.join()
        return app.return_value


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
