"""A query gets the files that it waits for, whoever had them in hand before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_local.daemon.runtime import LocalDaemon
from coco_protocol.projects import RegisterRequest
from tests.local_daemon import local_daemon
from tests.waiting import until


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[LocalDaemon]:
    with local_daemon(tmp_path / "home") as daemon:
        yield daemon


def test_a_file_that_the_worker_lets_go_of_unread_is_indexed_by_the_query_that_waits(
    daemon: LocalDaemon, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text("def first():\n    return 1\n", encoding="utf-8")
    daemon.register(RegisterRequest(path=str(root)))
    (indexer,) = daemon._registry.indexers()
    until(lambda: indexer.state in {"ready", "embedding"})
    daemon._worker.stop(30.0)

    (root / "app.py").write_text("def second():\n    return 2\n", encoding="utf-8")
    indexer.backlog.files.add(["app.py"])
    claimed = indexer.backlog.files.claim(["app.py"])
    query = threading.Thread(target=indexer.catch_up, args=(["app.py"], 30.0))
    query.start()
    # The worker gives way: it releases what it had claimed and not looked at.
    indexer.backlog.files.release(claimed, done=[])
    query.join(60.0)

    assert not indexer.backlog.files.all()
    rows = indexer.index.memory.documents["app.py"].rows
    assert [indexer.index.memory.metadata[row].symbol for row in rows] == ["second"]
