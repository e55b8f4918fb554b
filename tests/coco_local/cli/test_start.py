"""start, stop and restart: as processes, with homes of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import PATIENCE, wait_for
from tests.sources import write_project


@pytest.fixture
def offline(process, monkeypatch):
    """A home of its own whose service, if one was started, is stopped after the test."""
    monkeypatch.setenv("COCO_OFFLINE", "1")
    yield Path(os.environ["COCO_HOME"])
    process("stop")


def test_detached_it_returns_when_it_listens_and_again_is_no_error(
    process, offline, tmp_path
) -> None:
    root = write_project(tmp_path / "shop")
    first = process("start", "--detach", str(root), "--json")
    assert first.returncode == 0, first.stderr
    data = json.loads(first.stdout)["data"]
    assert data["url"] == f"http://127.0.0.1:{os.environ['COCO_PORT']}"
    assert process("projects").stdout.splitlines()[-1].endswith(str(root))

    other = write_project(tmp_path / "other")
    again = process("start", str(other))
    assert again.returncode == 0
    assert "the service runs already" in again.stderr
    assert f"registered: other ({other})" in again.stdout
    assert f"PID {data['health']['pid']}" in again.stdout

    restarted = process("restart")
    assert restarted.returncode == 0, restarted.stderr
    assert data["url"] in restarted.stdout
    assert f"stopped the service (PID {data['health']['pid']})" in restarted.stderr
    assert len(json.loads(process("projects", "--json").stdout)["data"]["projects"]) == 2

    stopped = process("stop", "--json")
    assert json.loads(stopped.stdout)["data"]["seconds"] < 5
    assert process("stop").returncode == 3


def test_in_the_foreground_it_logs_and_ends_on_ctrl_c(process, offline) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "coco_local.cli", "start", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as child:
        assert child.stderr is not None
        log = []
        for line in child.stderr:
            log.append(json.loads(line))
            if log[-1]["event"] == "listening":
                break
        # The port was chosen by the system: clients find it through the lock.
        wait_for(lambda: process("status").returncode == 0, "an answer")
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    assert log[-1]["url"].startswith("http://127.0.0.1:")
    assert process("status").returncode == 3


def test_a_foreign_program_on_the_port(process, offline) -> None:
    with socket.create_server(("127.0.0.1", int(os.environ["COCO_PORT"]))):
        for options in (["--detach"], ["--headless"]):
            done = process("start", *options)
            assert done.returncode == 1
            assert f"Port {os.environ['COCO_PORT']}" in done.stderr
            assert "--port" in done.stderr
            assert "Traceback" not in done.stderr


def test_paths_that_are_no_directories(process, offline) -> None:
    done = process("start", "--detach", "/nonexistent/nowhere")
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    assert process("status").returncode == 3


def test_an_open_host_needs_a_key(process, offline) -> None:
    done = process("start", "--detach", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "COCO_API_KEY" in done.stderr


def test_the_dashboard_needs_a_terminal(coco, running) -> None:
    result = coco("tui")
    assert result.code == 1
    assert "coco status --watch" in result.err
