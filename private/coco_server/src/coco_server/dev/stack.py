"""Development stack: PostgreSQL, API service, and workers on loopback, with an org."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from coco_core.errors import InvalidConfig, Unavailable
from coco_server.dev.children import free_port, spawn, stop
from coco_server.dev.postgres import DevPostgres
from coco_server.dev.redis import DevRedis
from coco_server.dev.temporary import TemporaryFolder
from coco_server.store import keys, orgs
from coco_server.store.migrate import migrate
from coco_server.store.session import Database

__all__ = ["DevAccess", "DevStack"]

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class DevAccess:
    """What a caller needs."""

    url: str
    org_id: str
    user_id: str
    api_key: str
    admin_key: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request on the docs routes, but for the project's."""
        return {
            "Authorization": f"Bearer {self.api_key}",
            "x-coco-org-id": self.org_id,
            "x-coco-user-id": self.user_id,
        }


class DevStack:
    """Everything that server mode needs; ended as a whole, also when this process is killed."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        workers: int = 1,
        redis: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Keep data in ``directory``, or nowhere.

        Args:
            directory: of the database, imports and logs; a temporary one if it is not given.
            port: of the API service; 0 takes a free one.
            workers: how many of them.
            redis: carry wake-ups through a Redis.
            environ: further variables for the API service and the workers.
        """
        self._directory = directory
        self._port = port or free_port()
        self._worker_count = workers
        self._with_redis = redis
        self._extra = dict(environ or {})
        self._opened = ExitStack()
        self._logs: dict[str, Path] = {}
        self.environ: dict[str, str] = {}
        self.postgres: DevPostgres | None = None
        self.api: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.access: DevAccess | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> DevAccess:
        """Start everything, and wait until the API service answers.

        Raises:
            Unavailable: a part does not start; the message holds the end of its log.
        """
        directory = self._directory
        if directory is None:
            temporary = TemporaryFolder("stack")
            self._opened.callback(temporary.remove)
            directory = temporary.path
        else:
            _make_folder(directory)
        place = directory / "postgres" if self._directory is not None else None
        self.postgres = self._opened.enter_context(
            DevPostgres(place, durable=self._directory is not None)
        )
        url = self.postgres.url()
        migrate(url)
        self.access = self._grant(url, directory)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not _is_setting(name)},
            **_passed_on(os.environ),
            "COCO_META_DB": url,
            "COCO_BLOB_URL": (directory / "blobs").absolute().as_uri(),
            "COCO_ADMIN_KEY": self.access.admin_key,
            "COCO_HOST": "127.0.0.1",
            "COCO_PORT": str(self._port),
            "COCO_WORKER_PORT": "0",
            # No load balancer has to notice.
            "COCO_DRAIN_SECONDS": "0",
            **self._extra,
        }
        (directory / "blobs").mkdir(exist_ok=True)
        if self._with_redis:
            running = self._opened.enter_context(DevRedis())
            self.environ |= {"COCO_QUEUE_MODE": "redis", "COCO_REDIS_URL": running.url}
        self._logs = {name: directory / f"{name}.log" for name in ("api", "worker")}
        for _ in range(self._worker_count):
            self.start_worker()
        self.start_api()
        return self.access

    def start_api(self) -> None:
        """Start the API service, and wait until it answers."""
        command = [sys.executable, "-m", "coco_server.cli", "serve", "--insecure-dev"]
        self.api = self._spawn("api", command)
        self._await_api()

    def start_worker(self) -> None:
        """Start one more worker."""
        self.workers.append(
            self._spawn("worker", [sys.executable, "-m", "coco_worker", "run", "--port", "0"])
        )

    def stop(self) -> None:
        """Stop everything, the database last."""
        for process in [*self.workers, *([self.api] if self.api else [])]:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in [*self.workers, *([self.api] if self.api else [])]:
            stop(process)
        self.workers, self.api = [], None
        self._opened.close()

    def failed(self) -> str | None:
        """Return the name of a part that has ended by itself, if one has."""
        if self.api is not None and self.api.poll() is not None:
            return "api"
        return "worker" if any(each.poll() is not None for each in self.workers) else None

    def tail(self, name: str) -> str:
        """Return the end of a part's log."""
        path = self._logs.get(name)
        if path is None or not path.exists():
            return ""
        return path.read_text(encoding="utf-8", errors="replace")[-3000:]

    def _grant(self, url: str, directory: Path) -> DevAccess:
        """Make the demo org and its key; a kept directory keeps its keys, too."""
        kept = directory / "keys"
        if not kept.exists():
            with Database(url, most=1) as database, database.system() as session:
                orgs.create(session, "Demo", org_id="org_demo")
                made = keys.create(
                    session, "org_demo", "dev", ["query", "ingest", "manage", "memo"]
                )
            kept.touch(0o600)
            kept.write_text(f"{made.text}\n{secrets.token_urlsafe(24)}\n", encoding="utf-8")
        api_key, admin_key = kept.read_text(encoding="utf-8").split()
        return DevAccess(f"http://127.0.0.1:{self._port}", "org_demo", "dev", api_key, admin_key)

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with self._logs[name].open("ab") as output:
            return spawn(command, environ=self.environ, output=output)

    def _await_api(self) -> None:
        assert self.access is not None
        deadline = time.monotonic() + _START_SECONDS
        with httpx.Client(base_url=self.access.url, timeout=5.0) as client:
            while True:
                gone = self.failed()
                if gone is not None or time.monotonic() > deadline:
                    name = gone or "api"
                    raise Unavailable(f"The {name} does not start:\n{self.tail(name)}")
                try:
                    if client.get("/v1/sys/health").is_success:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.05)


def _is_setting(name: str) -> bool:
    return name.startswith("COCO_")


def _passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that hold for a trial, too: what embeds, limits, and how much is said."""
    kept = ("COCO_EMBED_", "COCO_MODEL_", "COCO_MODELS_FILE", "COCO_RATE_", "COCO_ORG_",
            "COCO_WORKER_SLOTS", "COCO_LOG_", "COCO_OFFLINE", "COCO_METRICS_")  # fmt: skip
    return {name: value for name, value in environ.items() if name.startswith(kept)}


def _make_folder(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidConfig(
            f"The folder {str(directory)!r} cannot be made: {error.strerror}.",
            hint="Name another one with --data.",
        ) from error
