"""Starting a daemon where something is in the way: another one, a stranger, or a corpse's lock."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from coco_local.daemon.lock import LockRecord
from coco_local.daemon.process_identity import identity_of
from tests.daemon_process import PATIENCE, Daemon, wait_for
from tests.programs import begun
from tests.sources import write_project


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "home")
    yield daemon
    if daemon.process is not None:
        daemon.stop()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop")


def _lock(daemon: Daemon) -> Path:
    return daemon.home / "service.lock"


def _write_lock(daemon: Daemon, pid: int, identity: str) -> None:
    record = LockRecord(pid, identity, 1.0, "127.0.0.1", daemon.port, "0.0.1")
    daemon.home.mkdir(parents=True, exist_ok=True)
    _lock(daemon).write_text(json.dumps(asdict(record)), encoding="utf-8")


def _holder(daemon: Daemon) -> int:
    pid: int = json.loads(_lock(daemon).read_text(encoding="utf-8"))["pid"]
    return pid


def test_two_starts_at_the_same_instant(daemon: Daemon, project: Path) -> None:
    both = [begun("start", "--headless", str(project), env=daemon.env) for _ in range(2)]
    try:
        wait_for(lambda: any(p.poll() is not None for p in both), "the end of one of them")
        (loser,) = [p for p in both if p.poll() is not None]
        (winner,) = [p for p in both if p is not loser]
        out, err = loser.communicate()
        assert loser.returncode == 0, err
        assert str(winner.pid) in out + err
        assert _holder(daemon) == winner.pid
        with daemon.client as client:
            assert client.health().pid == winner.pid
            assert [p.root for p in client.projects().projects] == [str(project)]
    finally:
        for process in both:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
    assert [p.returncode for p in both] == [0, 0]
    assert not _lock(daemon).exists()


def test_starting_again_registers_the_path(daemon: Daemon, project: Path, tmp_path: Path) -> None:
    daemon.start(project)
    other = write_project(tmp_path / "other")
    again = daemon.coco("start", "--headless", str(other))
    assert again.returncode == 0, again.stderr
    with daemon.client as client:
        assert {p.root for p in client.projects().projects} == {str(project), str(other)}


@pytest.mark.parametrize("answers", [True, False], ids=["a web server", "a silent program"])
def test_a_stranger_on_the_port(daemon: Daemon, project: Path, *, answers: bool) -> None:
    command = ["-m", "http.server", "0", "--bind", "127.0.0.1"] if answers else ["-c", _SILENT]
    stranger = subprocess.Popen(
        [sys.executable, "-u", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert stranger.stdout is not None
        said = stranger.stdout.readline().decode()
        daemon.port = int(said.split(" port ")[1].split()[0])
        started = daemon.coco("start", "--headless", str(project))
    finally:
        stranger.kill()
        stranger.communicate()
    assert started.returncode == 1
    assert f"{daemon.port}" in started.stderr
    assert "--port" in started.stderr
    assert "COCO_PORT" in started.stderr
    assert "Traceback" not in started.stderr
    assert not _lock(daemon).exists()


_SILENT = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print("silent on port", listener.getsockname()[1])
while True:
    listener.accept()
"""


def test_a_lock_whose_holder_is_dead(daemon: Daemon, project: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as corpse:
        identity = identity_of(corpse.pid)
    assert identity is not None
    _write_lock(daemon, corpse.pid, identity)
    daemon.start(project)
    assert daemon.process is not None
    assert _holder(daemon) == daemon.process.pid


def test_a_lock_whose_pid_is_somebody_else_by_now(daemon: Daemon, project: Path) -> None:
    _write_lock(daemon, os.getpid(), "another identity")
    daemon.start(project)
    assert daemon.process is not None
    assert _holder(daemon) == daemon.process.pid


def test_a_lock_that_nobody_can_read(daemon: Daemon, project: Path) -> None:
    daemon.home.mkdir()
    _lock(daemon).write_bytes(b"\xff\x00" * 40)
    # A cut lock may be just being written; an old one is not.
    os.utime(_lock(daemon), (1, 1))
    daemon.start(project)
    assert daemon.process is not None
    assert _holder(daemon) == daemon.process.pid
    assert daemon.stop() == 0
    assert not _lock(daemon).exists()


def test_a_home_that_is_a_file(daemon: Daemon) -> None:
    daemon.home.write_text("not a directory", encoding="utf-8")
    started = daemon.coco("start", "--headless")
    assert started.returncode == 1
    assert str(daemon.home) in started.stderr
    assert started.stderr.count("\n") == 2, "a message and what to do"


def test_a_port_that_is_bound_and_does_not_listen(daemon: Daemon, project: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        daemon.port = holder.getsockname()[1]
        started = daemon.coco("start", "--headless", str(project))
    assert started.returncode == 1
    assert f"{daemon.port}" in started.stderr
    assert "COCO_PORT" in started.stderr
