"""`coco-server dev`: one command starts everything, and nothing outlives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from coco_core.errors import Unavailable
from coco_server.dev.postgres import DevPostgres
from coco_server.dev.stack import DevStack


@pytest.fixture
def program() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "coco_server.cli", "dev", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_everything_starts_and_ends_with_the_command(
    program: subprocess.Popen[bytes], how: str
) -> None:
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
