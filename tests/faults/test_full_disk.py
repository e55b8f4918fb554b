"""A home on a disk that is full: the daemon stays, answers, says what to do, and recovers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import Daemon, wait_for
from tests.many_files import write_many
from tests.small_disk import fill, small_disk
from tests.sources import write_project

# Enough for a small index and the model-less daemon's other files.
_SIZE = "12m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a file system of a few megabytes."""
    with small_disk(tmp_path / "small", _SIZE) as place:
        yield place


def test_a_disk_that_fills_up_and_is_freed(disk: Path, tmp_path: Path) -> None:
    project = write_project(tmp_path / "shop")
    daemon = Daemon(disk / "home")
    daemon.start(project)
    try:
        daemon.wait_indexed()
        ballast = fill(disk)
        write_many(project / "more", 150)
        (project / "shop" / "late.py").write_text("def a_late_function():\n    pass\n")
        wait_for(lambda: daemon.project().error is not None, "an error that is told")
        body = daemon.project()
        assert body.state == "error"
        assert body.error is not None
        assert "disk" in body.error.lower()
        assert "free" in body.error.lower(), "it must say what to do"
        said = daemon.coco("status")
        assert said.returncode == 0
        assert body.error in " ".join((said.stdout + said.stderr).split())
        # What is indexed answers, and so does a second question; nothing fails.
        for _ in range(3):
            meta, data = daemon.query("retry_with_backoff")
            assert data.results[0].chunk.path == "shop/retry.py"
            assert meta.pending_files > 0
        ballast.unlink()
        wait_for(lambda: daemon.project().state == "ready", "the recovery")
        assert daemon.project().error is None
        assert daemon.paths("a_late_function")[0] == "shop/late.py"
    finally:
        status = daemon.stop()
    assert status == 0


def test_a_disk_that_is_full_from_the_beginning(disk: Path, tmp_path: Path) -> None:
    project = write_project(tmp_path / "shop")
    daemon = Daemon(disk / "home")
    daemon.home.mkdir()
    ballast = fill(disk)
    started = daemon.coco("start", "--headless", str(project))
    assert started.returncode == 1
    assert "Traceback" not in started.stderr
    assert "No space left" in started.stderr or "full" in started.stderr
    assert "hint:" in started.stderr
    # The guard of the lock has a name and no content.
    assert {path.name for path in daemon.home.iterdir()} <= {"coco.log", "service.lock.guard"}
    ballast.unlink()
    daemon.start(project)
    daemon.wait_indexed()
    assert daemon.stop() == 0
