"""Ending a daemon that has its hands full."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from coco_core.errors import CocoError
from tests.crashes import files_indexed
from tests.daemon_process import PATIENCE, Daemon, install_model, running_daemon, wait_for
from tests.many_files import write_many
from tests.model_fixture import installed_model

# What 4-local promises.
_PROMISED = 5.0


@pytest.mark.skipif(sys.platform != "linux", reason="sends a signal to one thread")
def test_a_signal_that_does_not_wake_the_main_thread(tmp_path: Path) -> None:
    """As one does that arrives between the interpreter's last check and its wait."""
    with running_daemon(tmp_path / "home") as daemon:
        assert daemon.process is not None
        pid = daemon.process.pid
        another = next(each.id for each in psutil.Process(pid).threads() if each.id != pid)
        assert ctypes.CDLL(None).tgkill(pid, another, signal.SIGTERM) == 0
        assert daemon.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_under_load(tmp_path: Path, how: signal.Signals) -> None:
    project = tmp_path / "project"
    write_many(project, 500)
    daemon = Daemon(tmp_path / "home")
    install_model(daemon.home, installed_model().directory.parent)
    daemon.start(project)
    answered = [0] * 6
    stopping = threading.Event()

    def ask(number: int) -> None:
        while not stopping.is_set():
            try:
                daemon.query(f"the ledger and its balance {number}")
            except CocoError:
                continue
            answered[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(answered))]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: min(answered) > 0 and files_indexed(daemon) > 50, "queries and indexing")
        assert daemon.project().state in {"scanning", "indexing", "embedding"}
        began = time.monotonic()
        status = daemon.stop(how)
        took = time.monotonic() - began
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert status == 0
    assert took < _PROMISED
    assert not (daemon.home / "service.lock").exists()
