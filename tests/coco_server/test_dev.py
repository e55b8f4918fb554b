"""`coco-server dev`: one command starts everything, and nothing outlives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest

from coco_core.errors import Unavailable
from coco_server.dev.postgres import DevPostgres
from coco_server.dev.stack import DevStack
from coco_server.dev.temporary import TemporaryFolder, remove_stale


@pytest.fixture
def program() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "coco_server.cli", "dev", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_all_starts_and_ends_with_the_command(program: subprocess.Popen[bytes], how: str) -> None:
    assert program.stdout is not None
    access = json.loads(program.stdout.readline())
    answer = httpx.get(f"{access['url']}/v1/sys/health", timeout=30)
    assert answer.json()["data"]["signature"] == "coco"
    with psycopg.connect(access["database"]) as connection:
        row = connection.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = "
                                 "current_user").fetchone()  # fmt: skip
        assert row == ("coco", False)
    children = psutil.Process(program.pid).children(recursive=True)
    # PostgreSQL has processes of its own; the API service and the worker are one each.
    assert len(children) > 3
    getattr(program, how)()
    assert program.wait(60) == (0 if how == "terminate" else -9)
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert len(gone) == len(children)


def test_what_a_killed_command_leaves_goes_at_next_start(program: subprocess.Popen[bytes]) -> None:
    assert program.stdout is not None
    json.loads(program.stdout.readline())
    children = psutil.Process(program.pid).children(recursive=True)
    environ = [each.environ().get("COCO_BLOB_URL") for each in children]
    stack = Path(urlsplit(next(filter(None, environ))).path).parent
    assert stack.is_dir()
    mine = TemporaryFolder("test")
    assert stack not in remove_stale()
    assert stack.is_dir()
    program.kill()
    program.wait(60)
    psutil.wait_procs(children, timeout=60)
    assert stack in remove_stale()
    assert not stack.exists()
    assert mine.path.is_dir()
    mine.remove()
    assert not mine.path.exists()


def test_unmarked_folders_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "coco-dev-stack-other").mkdir()
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / ".coco-dev").touch()
    (tmp_path / "coco-dev-stack-link").symlink_to(target)
    stale = tmp_path / "coco-dev-stack-stale"
    stale.mkdir()
    (stale / ".coco-dev").touch()
    running = tmp_path / "coco-dev-postgres-running"
    (running / "data").mkdir(parents=True)
    (running / ".coco-dev").touch()
    pid = f"{os.getpid()}\n"
    (running / "data" / "postmaster.pid").write_text(pid, encoding="utf-8")
    assert remove_stale() == [stale]


def test_a_part_that_does_not_start_is_told_with_its_log() -> None:
    stack = DevStack(environ={"COCO_RATE_LIMIT_PER_MIN": "many"})
    with pytest.raises(Unavailable, match="COCO_RATE_LIMIT_PER_MIN"), stack:
        pass
    assert stack.api is None


def test_a_kept_database_is_there_again() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(2):
            with (
                DevPostgres(Path(folder), durable=True) as server,
                psycopg.connect(server.url(), autocommit=True) as connection,
            ):
                statement = "SELECT * FROM kept" if turn else "CREATE TABLE kept (n int)"
                connection.execute(statement)


def test_a_folder_that_postgresql_cannot_enter_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root's PostgreSQL runs as another user")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Unavailable, match="cannot enter"):
        DevPostgres(closed / "data").start()
