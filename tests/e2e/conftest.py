from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import Daemon, running_daemon
from tests.model_fixture import installed_model
from tests.sources import write_project


@pytest.fixture(scope="session")
def model() -> Path:
    return installed_model().directory.parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop project")


@pytest.fixture
def daemon(tmp_path: Path, project: Path) -> Iterator[Daemon]:
    """A daemon without a model on a fresh project: keywords and ranking answer."""
    with running_daemon(tmp_path / "home", project) as running:
        running.wait_indexed()
        yield running


@pytest.fixture
def full_daemon(tmp_path: Path, project: Path, model: Path) -> Iterator[Daemon]:
    """A daemon with the model, every chunk embedded."""
    with running_daemon(tmp_path / "home", project, model=model) as running:
        running.wait_indexed(embedded=True)
        yield running
