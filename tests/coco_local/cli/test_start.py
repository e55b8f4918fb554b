"""start, stop and restart: as processes, with homes of their own."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.daemon_process import PATIENCE, wait_for
from tests.programs import begun
from tests.sources import write_project


@pytest.fixture
def offline(process, monkeypatch):
    """A home of its own whose service, if one was started, is stopped after the test."""
    monkeypatch.setenv("COCO_OFFLINE", "1")
    yield Path(os.environ["COCO_HOME"])
    process("stop")


def test_detached_it_returns_when_it_listens_and_again_is_fine(process, offline, tmp_path) -> None:
    root = write_project(tmp_path / "shop")
    first = process("start", "--detach", str(root), "--json")
    assert first.code == 0, first.err
    data = json.loads(first.out)["data"]
    assert data["url"] == f"http://127.0.0.1:{os.environ['COCO_PORT']}"
    assert process("projects").out.splitlines()[-1].endswith(str(root))

    other = write_project(tmp_path / "other")
    again = process("start", str(other))
    assert again.code == 0
    assert "the service runs already" in again.err
    assert f"registered: other ({other})" in again.out
    assert f"PID {data['health']['pid']}" in again.out

    restarted = process("restart")
    assert restarted.code == 0, restarted.err
    assert data["url"] in restarted.out
    assert f"stopped the service (PID {data['health']['pid']})" in restarted.err
    assert len(json.loads(process("projects", "--json").out)["data"]["projects"]) == 2

    stopped = process("stop", "--json")
    assert json.loads(stopped.out)["data"]["seconds"] < 5
    assert process("stop").code == 3


def test_in_the_foreground_it_logs_and_ends_on_ctrl_c(process, offline) -> None:
    with begun("start", "--port", "0") as child:
        assert child.stderr is not None
        log = []
        for line in child.stderr:
            log.append(json.loads(line))
            if log[-1]["event"] == "listening":
                break
        # The port was chosen by the system: clients find it through the lock.
        wait_for(lambda: process("status").code == 0, "an answer")
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    assert log[-1]["url"].startswith("http://127.0.0.1:")
    assert process("status").code == 3


def test_a_foreign_program_on_the_port(process, offline) -> None:
    with socket.create_server(("127.0.0.1", int(os.environ["COCO_PORT"]))):
        for options in (["--detach"], ["--headless"]):
            done = process("start", *options).fails(f"Port {os.environ['COCO_PORT']}", "--port")
            assert "Traceback" not in done.err


def test_paths_that_are_no_projects(process, offline, tmp_path) -> None:
    for name in ("one", "two"):
        write_project(tmp_path / "ws" / name)
    process("start", "--detach", str(tmp_path / "ws")).fails("coco import -r")
    assert process("stop").code == 0
    process("start", "--detach", "/nonexistent/nowhere").fails("does not exist")
    assert process("status").code == 3


def test_an_open_host_needs_a_key(process, offline) -> None:
    process("start", "--detach", "--host", "0.0.0.0").fails("COCO_API_KEY")


def test_the_dashboard_needs_a_terminal(coco, running) -> None:
    coco("tui").fails("coco status --watch")
