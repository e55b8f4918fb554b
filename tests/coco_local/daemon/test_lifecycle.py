"""A real daemon, seen from outside."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from coco_core.errors import DaemonNotRunning, InvalidConfig, PortTaken, Unavailable
from coco_local.client.address import reachable_url
from coco_local.daemon.lifecycle import (
    detach,
    find_running,
    register,
    stop_running,
    wait_until_up,
)
from coco_local.daemon.lock import ServiceLock
from coco_local.daemon.serve import serve
from coco_local.settings import Settings, load_settings
from tests.daemon_process import free_port
from tests.http_server import Handler, served


@pytest.fixture
def flags() -> dict[str, object]:
    return {"port": free_port(), "offline": True}


@pytest.fixture
def settings(
    tmp_path: Path, flags: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    monkeypatch.setenv("COCO_HOME", str(tmp_path / "home"))
    made = load_settings(flags, environ=os.environ)
    made.home.ensure()
    yield made
    record = ServiceLock(made.home.lock).inspect()
    if record is not None and record.pid != os.getpid():
        process = psutil.Process(record.pid)
        process.kill()
        psutil.wait_procs([process], timeout=20)


def test_its_whole_life_in_the_background(
    settings: Settings, flags: dict[str, object], tmp_path: Path
) -> None:
    assert find_running(settings) is None
    with pytest.raises(DaemonNotRunning):
        stop_running(settings)
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.py").write_text("def answer(): return 42\n", encoding="utf-8")

    began = time.monotonic()
    health = detach(settings, flags, [project])
    assert time.monotonic() - began < 20
    record = ServiceLock(settings.home.lock).inspect()
    assert record is not None
    assert (record.pid, record.port) == (health.pid, settings.port)
    assert Path(health.home) == settings.home.root
    assert health.projects == 1
    if os.name == "posix":
        # Cut loose from this terminal: its own session, nothing of ours open.
        assert os.getsid(health.pid) == health.pid

    found = find_running(settings)
    assert found is not None
    assert found.pid == health.pid
    (again,) = register(settings, [project])
    assert (again.path, again.created) == (str(project), False)

    stopped = stop_running(settings)
    assert (stopped.pid, stopped.how) == (health.pid, "asked")
    assert stopped.seconds < 6
    assert not settings.home.lock.exists()
    assert find_running(settings) is None
    log = settings.home.log.read_text(encoding="utf-8")
    assert '"listening"' in log
    assert '"stopped"' in log


def test_a_daemon_whose_home_was_deleted_ends(settings: Settings, flags: dict[str, object]) -> None:
    health = detach(settings, flags, [])
    process = psutil.Process(health.pid)
    shutil.rmtree(settings.home.root)
    process.wait(60)


def test_a_daemon_in_the_background_says_why_it_cannot_start(
    settings: Settings, flags: dict[str, object]
) -> None:
    with (
        socket.create_server(("127.0.0.1", settings.port)),
        pytest.raises(PortTaken, match=f"Port {settings.port} on 127.0.0.1 is taken"),
    ):
        detach(settings, flags, [])
    with pytest.raises(InvalidConfig, match="no key is set"):
        detach(settings, {**flags, "host": "0.0.0.0"}, [])


@pytest.mark.skipif(os.name != "posix", reason="stops a process with POSIX signals")
def test_a_daemon_that_hangs_is_told_and_ended(
    settings: Settings, flags: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coco_local.daemon.lifecycle._PROBE_SECONDS", 0.3)
    monkeypatch.setattr("coco_local.daemon.lifecycle._STOP_SECONDS", 1.0)
    monkeypatch.setattr("coco_local.daemon.lifecycle._START_SECONDS", 1.0)
    pid = detach(settings, flags, []).pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable, match=f"PID {pid} holds the lock and does not answer"):
            record = ServiceLock(settings.home.lock).inspect()
            assert record is not None
            wait_until_up(settings, record, timeout=1.0)
        with pytest.raises(Unavailable, match=f"PID {pid} does not end") as caught:
            stop_running(settings)
        assert f"kill -9 {pid}" in str(caught.value.hint)
    finally:
        os.kill(pid, signal.SIGCONT)
    monkeypatch.setattr("coco_local.daemon.lifecycle._STOP_SECONDS", 20.0)
    try:
        stop_running(settings)
    except DaemonNotRunning:
        # The signal that it was sent while it hung has ended it.
        assert not settings.home.lock.exists()


class _Foreign(Handler):
    def respond(self) -> None:
        self.answer(200, b"<html>hello</html>")


@pytest.mark.slow
def test_a_foreign_program_on_the_port(settings: Settings) -> None:
    with served(_Foreign, port=settings.port):
        with pytest.raises(PortTaken, match=f"Port {settings.port}") as caught:
            find_running(settings)
        assert f"PID {os.getpid()}" in caught.value.message
        with pytest.raises(PortTaken):
            serve(settings, [], False)
    assert not settings.home.lock.exists()


def test_the_daemon_of_another_home_is_foreign(
    settings: Settings, flags: dict[str, object], tmp_path: Path
) -> None:
    health = detach(settings, flags, [])
    other = load_settings({**flags, "home": tmp_path / "other"}, environ=os.environ)
    with pytest.raises(PortTaken, match="the CoCo of another home") as caught:
        find_running(other)
    assert caught.value.details["pid"] == health.pid
    assert stop_running(settings).pid == health.pid


def test_an_open_host_needs_a_key_before_anything_is_touched(settings: Settings) -> None:
    exposed = load_settings({"host": "0.0.0.0", "port": 0}, environ=os.environ)
    with pytest.raises(InvalidConfig, match="no key is set"):
        serve(exposed, [], False)
    assert list(settings.home.root.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),
        ("::", "http://[::1]:9"),
    ],
)
def test_where_a_lock_says_that_the_daemon_is(host: str, url: str) -> None:
    assert reachable_url(host, 9) == url
