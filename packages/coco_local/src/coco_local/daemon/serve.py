"""Main function of the daemon: start, serve, shut down."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import structlog

from coco_core.errors import CocoError, InvalidConfig, PortTaken, Unavailable
from coco_embed.memory import keep_few_arenas
from coco_local import __version__
from coco_local.daemon.listener import bind, listen
from coco_local.daemon.lock import ServiceLock, already_running
from coco_local.daemon.logging import LogStyle, configure_logging, follow_log
from coco_local.daemon.signals import StopSignals

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from coco_local.daemon.runtime import LocalDaemon
    from coco_local.settings import Settings

__all__ = ["end", "serve"]

log = structlog.get_logger(__name__)

# A thread that computes gives the interpreter away after this; with Python's 5 ms a query that
# changes threads ten times while a file is parsed would wait 50 ms for nothing.
_SWITCH_SECONDS = 0.001

# A user who says stop waits for 5 s at most: what hangs by then is cut off.
_STOP_SECONDS = 4.7

# Requests in flight may end; uvicorn takes whole seconds.
_GRACE_SECONDS = 1

# The event loop starts within milliseconds; on a machine that swaps it may take long.
_LOOP_SECONDS = 20.0
_PAUSE_SECONDS = 0.005

# Two starts at the same instant: the winner has bound the port and is about to write its lock.
_TWIN_SECONDS = 0.5

# How soon a daemon notices that its home was deleted.
_LOCK_SECONDS = 5.0

# A signal that arrives between the interpreter's last check and the wait does not end the wait, nor
# does any on Windows; the interpreter checks again after this time.
_WAIT_SECONDS = 0.5


def serve(
    settings: Settings,
    paths: Sequence[Path],
    tui: bool,
    *,
    flags: Mapping[str, object] | None = None,
    on_up: Callable[[], None] | None = None,
    log_style: LogStyle | None = None,
) -> int:
    """Run the daemon until it is stopped; return the exit code.

    Args:
        settings: What it runs with.
        paths: Directories to register.
        tui: Whether the dashboard takes the terminal.
        flags: What `load_settings` was given, for a daemon that goes on after the dashboard.
        on_up: Called once when requests are answered.
        log_style: What goes to standard error; by default what suits it.

    Raises:
        PortTaken: another program has the port.
        AlreadyRunning: another daemon serves this home.
        InvalidConfig: the settings cannot work.
    """
    _check_exposure(settings)
    keep_few_arenas()
    settings.home.ensure()
    style: LogStyle = log_style or ("console" if sys.stderr.isatty() else "json")
    lock = ServiceLock(settings.home.lock)
    with contextlib.closing(_bind(settings, lock)) as listener:
        port: int = listener.getsockname()[1]
        lock.acquire(settings.host, port)
        try:
            configure_logging(
                settings.log_level, "none" if tui else style, settings.home.log, sys.stderr
            )
            listen(listener)
            running = _Running(replace(settings, port=port), listener, lock)
            go_on = running.run(paths, tui, on_up)
        finally:
            lock.release()
    if go_on:
        _go_on(settings, flags or {}, port)
    return running.code


def end(code: int) -> NoReturn:
    """End the process of a daemon that has stopped.

    Everything is closed by then. What the interpreter would still do is take apart what native
    libraries have built, and wait for their threads: seconds, for nothing.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


class _Running:
    """The parts of a daemon that live in this process."""

    def __init__(self, settings: Settings, listener: socket.socket, lock: ServiceLock) -> None:
        self.code = 0
        self._settings = settings
        self._listener = listener
        self._lock = lock
        self._ended = threading.Event()

    def run(self, paths: Sequence[Path], tui: bool, on_up: Callable[[], None] | None) -> bool:
        """Serve until somebody says stop; return whether the daemon shall go on without us."""
        # Imports make a million objects that stay: looking through them again and again for what
        # may go is an eighth of a start.
        gc.disable()
        # Imported while the port is open already: a client's first request waits here.
        from coco_local.api.app import create_app
        from coco_local.daemon.runtime import LocalDaemon

        sys.setswitchinterval(_SWITCH_SECONDS)
        if sys.stderr is not None:
            faulthandler.enable()
        for warning in self._settings.warnings:
            log.warning("setting_ignored", why=warning)
        daemon = LocalDaemon(self._settings, "tui" if tui else "headless")
        follow_log(daemon.record_log)
        threading.Thread(
            target=self._watch_stop, args=(daemon,), name="stop watch", daemon=True
        ).start()
        with StopSignals(daemon.stop_requested.set, self._lock.release):
            try:
                app = create_app(daemon, self._settings)
                daemon.start()
                # Before the first answer: whoever sees the daemon may ask for these at once.
                _register(daemon, paths)
                server, thread = self._start_server(app, daemon)
                gc.freeze()
                gc.enable()
                try:
                    log.info("listening", url=self._settings.base_url, version=__version__)
                    if on_up is not None:
                        on_up()
                    return self._wait(daemon, tui)
                finally:
                    daemon.stop_requested.set()
                    app.state.streams.close()
                    server.should_exit = True
                    thread.join(_STOP_SECONDS)
            finally:
                daemon.close()
                self._ended.set()
                log.info("stopped")

    def _start_server(
        self, app: FastAPI, daemon: LocalDaemon
    ) -> tuple[uvicorn.Server, threading.Thread]:
        import uvicorn

        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        server = uvicorn.Server(config)

        def run() -> None:
            try:
                server.run(sockets=[self._listener])
            except SystemExit:
                # How uvicorn says that the application did not start; its log says why.
                self.code = 1
            finally:
                daemon.stop_requested.set()

        # The main thread is kept for signals and for the dashboard.
        thread = threading.Thread(target=run, name="http", daemon=True)
        thread.start()
        deadline = time.monotonic() + _LOOP_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise Unavailable(
                    "The HTTP server did not start.",
                    hint=f"Its log is in {str(self._settings.home.log)!r}.",
                )
            time.sleep(_PAUSE_SECONDS)
        return server, thread

    def _wait(self, daemon: LocalDaemon, tui: bool) -> bool:
        if tui:
            from coco_local.tui import run_tui

            leave = run_tui(
                self._settings.base_url,
                owns_daemon=True,
                api_key=self._settings.api_key,
                closing=daemon.stop_requested,
            )
            return leave and not daemon.stop_requested.is_set()
        while not daemon.stop_requested.wait(_WAIT_SECONDS):
            pass
        return False

    def _watch_stop(self, daemon: LocalDaemon) -> None:
        """Stop without a home; end the process when that takes too long: the disk is consistent."""
        while not daemon.stop_requested.wait(_LOCK_SECONDS):
            if not self._lock.keep():
                # Nobody finds this daemon any more, and nothing that it writes will be read.
                log.error("home_lost", home=str(self._settings.home.root))
                daemon.stop_requested.set()
        if not self._ended.wait(_STOP_SECONDS):
            log.warning("stop_took_too_long", seconds=_STOP_SECONDS)
            self._lock.release()
            os._exit(1)


def _bind(settings: Settings, lock: ServiceLock) -> socket.socket:
    """Bind; who loses against another start of this home learns that, not of a foreign program.

    Between the winner's port and its lock lies a moment.
    """
    try:
        return bind(settings.host, settings.port)
    except PortTaken:
        deadline = time.monotonic() + _TWIN_SECONDS
        while time.monotonic() < deadline:
            record = lock.inspect()
            if record is not None:
                raise already_running(record) from None
            time.sleep(_PAUSE_SECONDS)
        raise


def _check_exposure(settings: Settings) -> None:
    if settings.exposed and not settings.api_key:
        raise InvalidConfig(
            f"The host {settings.host!r} opens CoCo to other machines, and no key is set.",
            hint="Set COCO_API_KEY to a long random text, or use the host 127.0.0.1.",
        )


def _register(daemon: LocalDaemon, paths: Sequence[Path]) -> None:
    from coco_protocol.projects import RegisterRequest

    for path in paths:
        try:
            found = daemon.register(RegisterRequest(path=str(path)))
        except CocoError as error:
            log.error("project_refused", path=str(path), why=str(error))
        else:
            log.info(
                "project",
                path=found.path,
                id=found.project_id,
                new=found.created,
                notices=found.notices,
            )


def _go_on(settings: Settings, flags: Mapping[str, object], port: int) -> None:
    """Start the same daemon in the background: this process belongs to the terminal."""
    from coco_local.daemon.lifecycle import detach

    health = detach(settings, {**flags, "port": port}, [])
    sys.stderr.write(
        f"CoCo goes on in the background, PID {health.pid}, port {port}. End it with: coco stop\n"
    )
