"""Daemon control from outside: find, wait for, stop, detach."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from coco_core.errors import CocoError, DaemonNotRunning, PortTaken, Unavailable
from coco_local.client.address import reachable_url
from coco_local.daemon.listener import port_taken
from coco_local.daemon.lock import LockRecord, ServiceLock
from coco_local.daemon.process_identity import is_alive

if TYPE_CHECKING:
    from coco_local.settings import Settings
    from coco_protocol.projects import RegisterData
    from coco_protocol.system import HealthData

__all__ = ["Stopped", "detach", "find_running", "register", "stop_running", "wait_until_up"]

# A daemon answers within a second of its start; a machine under load may take many.
_START_SECONDS = 30.0
# A daemon stops within 5 s or ends itself; then the system is asked.
_STOP_SECONDS = 6.0
_PROBE_SECONDS = 2.0
_PAUSE_SECONDS = 0.02

# Lines of the log that explain a start that failed without a word.
_LOG_LINES = 5


@dataclass(frozen=True, slots=True)
class Stopped:
    """A daemon that was stopped."""

    pid: int
    seconds: float
    how: str
    """``asked``, or ``signal`` when it did not listen."""


def find_running(settings: Settings) -> HealthData | None:
    """Return the daemon of this home, after waiting for one that just starts; None if none does.

    Raises:
        PortTaken: something else answers on the port: another program, or another home's CoCo.
        Unavailable: a daemon holds the lock and does not answer.
    """
    record = ServiceLock(settings.home.lock).inspect()
    if record is not None:
        return wait_until_up(settings, record)
    if settings.port == 0 or not _listens(settings):
        return None
    try:
        health = _ask(settings, settings.base_url)
    except Unavailable as error:
        # The lock may have been written since: two starts at the same instant.
        record = ServiceLock(settings.home.lock).inspect()
        if record is not None:
            return wait_until_up(settings, record)
        raise port_taken(settings.host, settings.port) from error
    if health is not None and Path(health.home) != settings.home.root:
        raise PortTaken(
            f"Port {settings.port} is taken by the CoCo of another home, {health.home!r}.",
            hint="Choose another port with --port or COCO_PORT.",
            details={"port": settings.port, "home": health.home, "pid": health.pid},
        )
    return health


def wait_until_up(
    settings: Settings, record: LockRecord, timeout: float = _START_SECONDS
) -> HealthData | None:
    """Return the health of the daemon that holds the lock; None when it ends instead.

    Raises:
        Unavailable: it runs and does not answer in time.
    """
    deadline = time.monotonic() + timeout
    url = reachable_url(record.host, record.port)
    while record.alive:
        try:
            health = _ask(settings, url)
        except Unavailable:
            health = None
        if health is not None:
            return health
        if time.monotonic() > deadline:
            raise Unavailable(
                f"CoCo with PID {record.pid} holds the lock and does not answer at {url}.",
                hint=f"End it with: coco stop. Its log is in {str(settings.home.log)!r}.",
                details={"pid": record.pid, "port": record.port},
            )
        time.sleep(_PAUSE_SECONDS)
    return None


def register(settings: Settings, paths: Sequence[Path]) -> list[RegisterData]:
    """Register directories with the running daemon."""
    from coco_local.client.http_client import Client
    from coco_protocol.projects import RegisterRequest

    with Client.discover(settings) as client:
        return [client.register(RegisterRequest(path=str(path))) for path in paths]


def stop_running(settings: Settings) -> Stopped:
    """Ask the daemon to stop, then tell it to, and wait until it has ended.

    Raises:
        DaemonNotRunning: there is none.
        Unavailable: it did not end.
    """
    from coco_local.client.http_client import Client

    began = time.monotonic()
    record = ServiceLock(settings.home.lock).inspect()
    if record is None:
        raise DaemonNotRunning("The CoCo service does not run.")
    how = "asked"
    try:
        url = reachable_url(record.host, record.port)
        with Client(url, settings.api_key, timeout=_PROBE_SECONDS) as client:
            client.shutdown()
    except CocoError:
        how = "signal"
        _terminate(record)
    if not _wait_for_end(record) and how == "asked":
        how = "signal"
        _terminate(record)
        _wait_for_end(record)
    if record.alive:
        raise Unavailable(
            f"CoCo with PID {record.pid} does not end.",
            hint="Kill it; whatever is lost is rebuilt: "
            + (f"taskkill /F /PID {record.pid}" if os.name == "nt" else f"kill -9 {record.pid}"),
            details={"pid": record.pid},
        )
    return Stopped(record.pid, time.monotonic() - began, how)


def detach(settings: Settings, flags: Mapping[str, object], paths: Sequence[Path]) -> HealthData:
    """Start a daemon in the background and return its health as soon as it answers.

    ``flags`` are those that `load_settings` was given; the environment is inherited.

    Raises:
        CocoError: what the daemon could not start for.
    """
    from coco_protocol.envelope import ErrorBody
    from coco_protocol.errors import to_error

    settings.home.ensure()
    request = {
        "flags": {name: _plain(value) for name, value in flags.items() if value is not None},
        "paths": [str(path) for path in paths],
    }
    with settings.home.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "coco_local.daemon"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # It must not keep a directory or a mount in use that the user wants to remove.
            cwd=settings.home.root,
            **_own_session(),
        )
    # The request goes through a pipe: arguments can be read by every user of the machine.
    answer = _exchange(process, json.dumps(request).encode())
    try:
        started = json.loads(answer)
    except ValueError:
        process.wait()
        raise Unavailable(
            f"CoCo ended while it started, with code {process.returncode}.",
            hint=f"Its log is in {str(settings.home.log)!r}. It ends with: {_log_end(settings)}",
        ) from None
    if "error" in started:
        process.wait()
        error = started["error"]
        raise to_error(ErrorBody.model_validate(error["body"]), error["status"])
    # It is nobody's child from here on; Popen would warn that it still runs.
    process.returncode = 0
    record = ServiceLock(settings.home.lock).inspect()
    health = wait_until_up(settings, record) if record is not None else None
    if health is None:
        raise Unavailable(
            "CoCo ended right after its start.",
            hint=f"Its log is in {str(settings.home.log)!r}. It ends with: {_log_end(settings)}",
        )
    return health


def _ask(settings: Settings, url: str) -> HealthData | None:
    """Return the health of what answers there; None when nothing listens."""
    from coco_local.client.http_client import Client

    with Client(url, settings.api_key, timeout=_PROBE_SECONDS) as client:
        try:
            return client.health()
        except DaemonNotRunning:
            return None


def _listens(settings: Settings) -> bool:
    """Knock without speaking: what listens may be no HTTP server."""
    address = settings.base_url.removeprefix("http://")
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_SECONDS):
            return True
    except OSError:
        return False


def _terminate(record: LockRecord) -> None:
    try:
        if record.alive:
            psutil.Process(record.pid).terminate()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise Unavailable(
            f"CoCo with PID {record.pid} belongs to another user.",
            hint="Only its owner can stop it.",
            details={"pid": record.pid},
        ) from error


def _wait_for_end(record: LockRecord) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while is_alive(record.pid, record.identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _own_session() -> dict[str, Any]:
    """Options that cut a process loose from this one's terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _exchange(process: subprocess.Popen[bytes], request: bytes) -> bytes:
    """Send the request and read the answer until the other side closes it."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        process.stdin.close()
    except BrokenPipeError:
        # It has ended already; why stands in its log.
        process.stdout.close()
        return b""
    with process.stdout as answer:
        return answer.read()


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _log_end(settings: Settings) -> str:
    try:
        text = settings.home.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return " | ".join(text.splitlines()[-_LOG_LINES:]) or "(empty)"
