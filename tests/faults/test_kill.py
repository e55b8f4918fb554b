"""``kill -9`` at any moment: the next start needs no help, and its index is as good as new."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crashes import (
    assert_same,
    files_indexed,
    fresh_contents,
    kill,
    settled_contents,
    wait_for_flush,
)
from tests.daemon_process import Daemon, install_model, wait_for
from tests.many_files import edit_some, write_many
from tests.model_fixture import installed_model

# Enough chunks for a flush in the middle of the first indexing.
_FILES = 600


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path / "home")


def _wait_for_files(daemon: Daemon, count: int) -> None:
    wait_for(lambda: files_indexed(daemon) >= count, f"{count} indexed files")


def test_during_the_first_indexing(daemon: Daemon, tmp_path: Path) -> None:
    rng = random.Random(1)
    project = tmp_path / "project"
    write_many(project, _FILES)
    for _ in range(2):
        daemon.start(project)
        goal = files_indexed(daemon) + rng.randint(1, _FILES // 3)
        _wait_for_files(daemon, min(goal, _FILES))
        kill(daemon, rng)
        assert (daemon.home / "service.lock").exists()
    daemon.start()
    found = settled_contents(daemon)
    assert not (daemon.home / "service.lock").exists()
    assert_same(found, fresh_contents(tmp_path / "fresh", project))


def test_during_updates_and_flushes(daemon: Daemon, tmp_path: Path) -> None:
    rng = random.Random(3)
    project = tmp_path / "project"
    paths = write_many(project, 60)
    daemon.start(project)
    daemon.wait_indexed()
    for _ in range(40):
        edit_some(rng, paths)
        daemon.query("balance of the ledger")
    kill(daemon, rng)
    daemon.start()
    wait_for_flush(daemon, lambda: edit_some(rng, paths))
    kill(daemon, rng)
    daemon.start()
    assert_same(settled_contents(daemon), fresh_contents(tmp_path / "fresh", project))


def test_while_embedding(daemon: Daemon, tmp_path: Path) -> None:
    rng = random.Random(4)
    project = tmp_path / "project"
    write_many(project, 40)
    install_model(daemon.home, installed_model().directory.parent)
    daemon.start(project)
    wait_for(lambda: daemon.project().embedded > 0, "the first vectors")
    kill(daemon, rng)
    daemon.start()
    found = settled_contents(daemon, embedded=True)
    assert found.vectors == found.chunks
    assert_same(found, fresh_contents(tmp_path / "fresh", project))
