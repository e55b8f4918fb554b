"""A worker as a process of its own, to be stopped, paused and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import until


class WorkerProcess:
    """`coco-worker run` with settings for tests."""

    def __init__(self, log: Path, environ: dict[str, str]) -> None:
        """Start it; `wait_started` waits until it takes jobs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
        self._log = log
        self._begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "coco_worker", "run"],
                env={**kept, "COCO_WORKER_PORT": "0", **environ},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def wait_started(self, seconds: float = 60) -> WorkerProcess:
        """Wait until it has its port and looks for jobs."""
        until(lambda: "worker_started" in self.said() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.said()
        return self

    def said(self) -> str:
        """Return its log."""
        return self._log.read_bytes()[self._begin :].decode("utf-8", "replace")

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(10) == -signal.SIGKILL, self.said()

    def stop(self, seconds: float = 30) -> int:
        """End it in order; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise
