from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from coco_local.daemon.signals import StopSignals

posix = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")

_WAITS = """
import sys, threading
import structlog
from coco_local.daemon.signals import StopSignals
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
stop = threading.Event()
with StopSignals(lambda: print("stop", flush=True), lambda: print("force", flush=True)):
    print("ready", flush=True)
    while not stop.wait(0.5):
        pass
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_for_the_stop(number: signal.Signals) -> None:
    asked = threading.Event()
    before = signal.getsignal(number)
    with StopSignals(asked.set, lambda: None):
        os.kill(os.getpid(), number)
        assert asked.wait(20)
    assert signal.getsignal(number) is before


@posix
def test_the_second_signal_ends_the_process_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == b"stop\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == b"force\n"
            assert process.wait(20) == 130
        finally:
            process.kill()
