from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemon_process import Daemon, running_daemon
from tests.sources import write_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop")


@pytest.fixture
def running(tmp_path: Path, project: Path) -> Iterator[Daemon]:
    """A daemon that has indexed the project."""
    with running_daemon(tmp_path / "home", project) as daemon:
        daemon.wait_indexed()
        yield daemon
