"""Stores that were damaged, emptied or left by another CoCo: rebuilt from the files, unasked."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from coco_protocol.docs import QueryRequest
from coco_protocol.projects import RegisterRequest
from coco_protocol.system import PruneRequest
from tests.crashes import assert_same, settled_contents
from tests.daemon_process import Daemon, wait_for
from tests.index_contents import IndexContents, index_contents
from tests.local_daemon import local_daemon
from tests.sources import write_project

Good = tuple[Path, Path, IndexContents]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    """A project, the home of a daemon that indexed it and ended, and what it wrote."""
    folder = tmp_path_factory.mktemp("good")
    project = write_project(folder / "shop")
    daemon = Daemon(folder / "home")
    daemon.start(project)
    return project, daemon.home, settled_contents(daemon)


def _noise(path: Path) -> None:
    path.write_bytes(random.Random(5).randbytes(20_000))


def _damage_pages(home: Path) -> None:
    """Keep the header, so that the file opens, and spoil the rest."""
    database = home / "coco.db"
    raw = bytearray(database.read_bytes())
    raw[4096:] = random.Random(6).randbytes(len(raw) - 4096)
    database.write_bytes(raw)


def _cut_pages(home: Path) -> None:
    database = home / "coco.db"
    database.write_bytes(database.read_bytes()[:9_000])


def _other_schema(home: Path) -> None:
    with closing(sqlite3.connect(home / "coco.db")) as connection:
        connection.execute("DROP TABLE chunks")
        connection.execute("CREATE TABLE chunks (something TEXT)")
        connection.execute("PRAGMA user_version = 999")
        connection.commit()


def _each_lance_file(home: Path, change: Callable[[Path], object]) -> None:
    files = [path for path in (home / "lancedb").rglob("*") if path.is_file()]
    assert files
    for path in files:
        change(path)


def _lance_data_gone(home: Path) -> None:
    for path in (home / "lancedb").rglob("*.lance"):
        if path.is_file():
            path.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "coco.db is noise": lambda home: _noise(home / "coco.db"),
    "coco.db is empty": lambda home: (home / "coco.db").write_bytes(b""),
    "coco.db has spoilt pages": _damage_pages,
    "coco.db is cut": _cut_pages,
    "coco.db is gone": lambda home: (home / "coco.db").unlink(),
    "coco.db has another schema": _other_schema,
    "embeddings.db is noise": lambda home: _noise(home / "embeddings.db"),
    "lancedb is gone": lambda home: shutil.rmtree(home / "lancedb"),
    "lancedb is noise": lambda home: _each_lance_file(home, _noise),
    "lancedb is empty": lambda home: _each_lance_file(home, lambda path: path.write_bytes(b"")),
    "lancedb lost its data files": _lance_data_gone,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_the_index_is_as_before(
    good: Good, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    project, home, before = good
    copy = shutil.copytree(home, tmp_path / "home")
    damage(copy)
    # In this process: a dozen real ones would spend their time on imports.
    with local_daemon(copy) as daemon:
        # The path is given as always; a database that is lost has lost the list of projects.
        daemon.register(RegisterRequest(path=str(project)))
        wait_for(lambda: daemon.projects().projects[0].state == "ready", "the index")
        data = daemon.query(QueryRequest(query="retry_with_backoff")).data
        assert data.results[0].chunk.path == "shop/retry.py"
        wait_for(lambda: daemon.stats().stores["lance_rows"] > 0, "the first write to LanceDB")
        daemon.prune(PruneRequest())
    assert_same(index_contents(copy), before)


def test_another_schema_keeps_the_projects(good: Good, tmp_path: Path) -> None:
    project, home, before = good
    daemon = Daemon(shutil.copytree(home, tmp_path / "home"))
    _other_schema(daemon.home)
    daemon.start()
    assert daemon.project().root == str(project)
    assert_same(settled_contents(daemon), before)


def test_a_file_in_the_place_of_lancedb(good: Good, tmp_path: Path) -> None:
    """Whatever it is, it is not ours to delete; the project says what is wrong, and waits."""
    _, home, before = good
    copy = shutil.copytree(home, tmp_path / "home")
    shutil.rmtree(copy / "lancedb")
    (copy / "lancedb").write_text("somebody's notes", encoding="utf-8")
    with local_daemon(copy) as daemon:
        wait_for(lambda: daemon.projects().projects[0].state == "error", "the error")
        told = daemon.projects().projects[0].error
        assert told is not None
        assert str(copy / "lancedb") in told
        assert "COCO_HOME" in told
        assert (copy / "lancedb").read_text(encoding="utf-8") == "somebody's notes"
        (copy / "lancedb").unlink()
        wait_for(lambda: daemon.projects().projects[0].state == "ready", "the recovery")
        assert daemon.projects().projects[0].files == len(before.documents)
