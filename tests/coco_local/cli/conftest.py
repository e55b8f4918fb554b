"""The command line against a real daemon: keyword search only, as no model is provisioned."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coco_local.cli import main
from tests.daemon_process import PATIENCE, Daemon, free_port, running_daemon
from tests.programs import command, run_coco
from tests.sources import write_project


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def data(self) -> Any:
        return self.document["data"]

    @property
    def error(self) -> Any:
        return self.document["error"]

    def prints(self, *shown: str, code: int = 0) -> Result:
        """Check how it ended and that it printed this."""
        assert self.code == code, self.err
        assert not [text for text in shown if text not in self.out], self.out
        return self

    def fails(self, *said: str, code: int = 1) -> Result:
        """Check that it failed and said this on standard error."""
        assert self.code == code, self.err
        assert not [text for text in said if text not in self.err], self.err
        return self


Coco = Callable[..., Result]

# What a user's environment may hold that changes what commands print or start.
_OF_A_USER = {"NO_COLOR", "FORCE_COLOR", "CI", "PWD", "PAGER", "LESS", "VISUAL", "EDITOR"}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("sources") / "shop")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("service") / "home") as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A home where nothing runs, and no settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("COCO_") or name in _OF_A_USER:
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COCO_HOME", str(tmp_path_factory.mktemp("nothing") / "home"))
    monkeypatch.setenv("COCO_PORT", str(free_port()))


@pytest.fixture
def coco(capsys: pytest.CaptureFixture[str]) -> Coco:
    """Run a command line in this process."""

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def running(service: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The environment of a user whose daemon runs; its port stands in the lock only."""
    monkeypatch.setenv("COCO_HOME", str(service.home))
    return service


@pytest.fixture
def shop(running: Daemon, project: Path, coco: Coco, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, indexed, as the working directory."""
    monkeypatch.chdir(project)
    assert coco("import", ".").code == 0
    return project


@pytest.fixture
def process() -> Coco:
    """Run a command line as a process of its own."""

    def run(*arguments: str, **environ: str) -> Result:
        done = run_coco(*arguments, env={**os.environ, **environ})
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def on_terminal() -> Callable[..., Result]:
    """Run a command line on a terminal; what it prints there is all in ``out``."""

    def run(*arguments: str, **environ: str) -> Result:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            command(*arguments),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **environ},
        ) as child:
            os.close(theirs)
            shown = b"".join(_until_closed(ours))
            code = child.wait(PATIENCE)
        os.close(ours)
        return Result(code, shown.decode(), "")

    return run


def _until_closed(terminal: int) -> Iterator[bytes]:
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            data = os.read(terminal, 65_536)
        except OSError:
            return
        if not data:
            return
        yield data
