from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import Daemon, running_daemon
from tests.sources import write_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project for all tests of a module; each leaves it as it was."""
    return write_project(tmp_path_factory.mktemp("project") / "shop")


@pytest.fixture(scope="module")
def running(project: Path) -> Iterator[Daemon]:
    with running_daemon(project.parent / "home", project) as daemon:
        daemon.wait_indexed()
        yield daemon
