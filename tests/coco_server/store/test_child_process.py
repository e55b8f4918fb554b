"""Child processes: patient with a busy child, ended with a dead or a silent one."""

from __future__ import annotations

import os
import signal
import threading

import psutil
import pytest

from coco_server.store.child_process import ChildEnded, ChildProcess

ECHO = "tests.echoing_child"


class Stopped(Exception):
    """What a check raises."""


def test_a_child_that_is_slow_to_read_is_waited_for() -> None:
    """The message is larger than the socket's buffer, and the child reads it later."""
    body = bytes(range(256)) * 65_536
    waited = threading.Event()
    with ChildProcess(ECHO, seconds=60, check=waited.set) as child:
        os.kill(child.pid, signal.SIGSTOP)
        waking = threading.Thread(
            target=lambda: (waited.wait(60), os.kill(child.pid, signal.SIGCONT))
        )
        waking.start()
        child.send(b"E", body)
        answer = child.receive(len(body))
        waking.join()
    assert waited.is_set()
    assert (answer.kind, bytes(answer.body)) == (b"E", body)


def test_a_check_ends_the_wait_and_the_child() -> None:
    def check() -> None:
        raise Stopped

    with pytest.raises(Stopped), ChildProcess(ECHO, seconds=60, check=check) as child:
        pid = child.pid
        child.receive(10)
    assert not psutil.pid_exists(pid)


def test_a_silent_child_is_given_up() -> None:
    with pytest.raises(ChildEnded), ChildProcess(ECHO, seconds=0, check=None) as child:
        child.receive(10)


def test_a_killed_child_is_noticed_at_once() -> None:
    with ChildProcess(ECHO, seconds=60) as child:
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ChildEnded):
            child.receive(10)


def test_no_more_than_was_agreed_is_received() -> None:
    with ChildProcess(ECHO, seconds=60) as child:
        child.send(b"E", bytes(100))
        with pytest.raises(ChildEnded):
            child.receive(99)


def test_the_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCO_ADMIN_KEY", "secret")
    with ChildProcess(ECHO, seconds=60) as child:
        child.send(b"V")
        names = bytes(child.receive(100_000).body).decode().split()
    assert "COCO_ADMIN_KEY" not in names


def test_memory_beyond_the_limit_is_refused_in_the_child() -> None:
    with ChildProcess(ECHO, seconds=60) as child:
        child.send(b"M", (50 << 20).to_bytes(8, "little"))
        assert child.receive(100).body == b"refused"
