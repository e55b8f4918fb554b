"""A real daemon for tests: its own process, home and port, driven as a user drives it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from coco_core.errors import CocoError
from coco_embed.store import DEFAULT_MODEL
from coco_local.client.http_client import Client
from coco_protocol.docs import ChunkBody, QueryData, QueryMeta, QueryRequest, RetrievalBody
from coco_protocol.projects import ProjectBody, ProjectRequest
from tests.programs import command, run_coco
from tests.started import require

# Nothing here takes longer unless it is broken; a loaded machine is no reason to fail.
PATIENCE = 60.0


def wait_for(condition: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
    """Poll until a condition holds; tests wait for states, never for time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout:.0f} s")
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Daemon:
    """One home directory with the daemon that runs on it, if it runs."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """The environment of every command that belongs to this daemon."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("COCO_")}
        return {
            **inherited,
            "COCO_HOME": str(self.home),
            "COCO_PORT": str(self.port),
            "COCO_OFFLINE": "1",
            **self.environ,
        }

    @property
    def client(self) -> Client:
        """A client of this daemon."""
        return Client(f"http://127.0.0.1:{self.port}")

    def coco(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return run_coco(*arguments, env=self.env, cwd=cwd)

    def start(self, *paths: Path, arguments: tuple[str, ...] = ()) -> Daemon:
        """Start in the foreground of its own process and wait until it answers."""
        require("daemon")
        self.home.mkdir(parents=True, exist_ok=True)
        log = (self.home / "test-output.log").open("ab")
        self.process = subprocess.Popen(
            command("start", "--headless", *arguments, *map(str, paths)),
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        wait_for(self.answers, "the daemon's first answer")
        return self

    def answers(self) -> bool:
        """Whether the daemon answers; an early death fails at once with its output."""
        assert self.process is not None
        if self.process.poll() is not None:
            output = (self.home / "test-output.log").read_text(encoding="utf-8")
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{output}")
        try:
            with self.client as client:
                client.health()
        except CocoError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def project(self) -> ProjectBody:
        """Return the only project."""
        with self.client as client:
            (project,) = client.projects().projects
        return project

    def wait_indexed(self, *, embedded: bool = False) -> ProjectBody:
        """Wait until the only project is up to date, on demand with all vectors."""

        def done() -> bool:
            project = self.project()
            settled = project.state in ({"ready"} if embedded else {"ready", "embedding", "empty"})
            return settled and (not embedded or project.embedded == project.chunks)

        wait_for(done, "the index")
        return self.project()

    def query(self, text: str, **retrieval: object) -> tuple[QueryMeta, QueryData]:
        """Ask the only project."""
        body = RetrievalBody.model_validate(retrieval)
        with self.client as client:
            answer = client.query(QueryRequest(query=text, retrieval_config=body))
        return answer.meta, answer.data

    def chunks(self, text: str) -> list[ChunkBody]:
        """Ask the only project for what it finds, best first."""
        return [hit.chunk for hit in self.query(text)[1].results]

    def paths(self, text: str) -> list[str | None]:
        """Ask the only project where it finds this, best first."""
        return [chunk.path for chunk in self.chunks(text)]


@contextmanager
def running_daemon(
    home: Path,
    *paths: Path,
    model: Path | None = None,
    environ: dict[str, str] | None = None,
) -> Iterator[Daemon]:
    """Yield a started daemon and end it; ``model`` is a folder of installed models to use."""
    daemon = Daemon(home, environ=environ or {})
    if model is not None:
        install_model(home, model)
    daemon.start(*paths)
    try:
        yield daemon
    finally:
        if daemon.process is not None:
            daemon.stop()


@contextmanager
def found_by_flows(daemon: Daemon, environment: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Let flows of this process find a daemon; remove its projects afterwards."""
    for name in ("COCO_HOST", "COCO_PORT", "COCO_API_KEY"):
        environment.delenv(name, raising=False)
    environment.setenv("COCO_HOME", str(daemon.home))
    yield daemon
    with daemon.client as client:
        for project in client.projects().projects:
            client.forget(ProjectRequest(project_id=project.project_id))


def install_model(home: Path, model: Path) -> None:
    """Put an installed model into a daemon's home."""
    target = home / "models" / DEFAULT_MODEL
    if not target.exists():
        shutil.copytree(model, target)
