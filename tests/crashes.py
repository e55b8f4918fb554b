"""Killing a daemon at chosen and at random moments, and what must be true afterwards."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from coco_core.errors import CocoError
from coco_protocol.projects import RegisterRequest
from tests.daemon_process import Daemon, wait_for
from tests.index_contents import IndexContents, index_contents
from tests.local_daemon import local_daemon

# A kill falls anywhere within the work that follows the moment it was aimed at.
_LONGEST_DELAY = 0.08


def kill(daemon: Daemon, rng: random.Random) -> None:
    """Kill the daemon a random moment from now."""
    # Not a wait for anything: the moment itself is what is drawn.
    time.sleep(rng.uniform(0, _LONGEST_DELAY))
    status = daemon.stop(signal.SIGKILL)
    assert status == -signal.SIGKILL, f"it had ended by itself with {status}"


def files_indexed(daemon: Daemon) -> int:
    """Return how many files the only project's index holds; 0 before there is one."""
    try:
        with daemon.client as client:
            return sum(project.files for project in client.projects().projects)
    except CocoError:
        return 0


def wait_for_flush(daemon: Daemon, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until the daemon begins to write to LanceDB."""
    before = _vector_files(daemon.home)

    def begun() -> bool:
        meanwhile()
        return bool(_vector_files(daemon.home) - before)

    wait_for(begun, "a write to LanceDB")


def _vector_files(home: Path) -> set[Path]:
    return set((home / "lancedb").rglob("*"))


def settled_contents(daemon: Daemon, *, embedded: bool = False) -> IndexContents:
    """Wait until the index is up to date, stop the daemon in order and return what it wrote."""
    daemon.wait_indexed(embedded=embedded)
    # A daemon that ends before it ever needed LanceDB leaves everything to the next start.
    wait_for(lambda: _lance_rows(daemon) > 0, "the first write to LanceDB")
    assert daemon.stop() == 0
    return index_contents(daemon.home)


def _lance_rows(daemon: Daemon) -> int:
    with daemon.client as client:
        return client.stats().stores["lance_rows"]


def fresh_contents(home: Path, project: Path) -> IndexContents:
    """Index a project in a home of its own, in this process: nothing disturbs it."""
    with local_daemon(home) as daemon:
        daemon.register(RegisterRequest(path=str(project)))
        wait_for(lambda: daemon.projects().projects[0].state == "ready", "the fresh index", 600)
        wait_for(lambda: daemon.stats().stores["lance_rows"] > 0, "the first write to LanceDB")
    return index_contents(home)


def assert_same(found: IndexContents, fresh: IndexContents) -> None:
    """The same documents with the same chunks, and nothing left behind."""
    assert found.documents.keys() == fresh.documents.keys()
    different = [d for d in fresh.documents if found.documents[d] != fresh.documents[d]]
    assert not different, f"{len(different)} documents differ, the first is {different[0]!r}"
    assert found.chunks == fresh.chunks > 0
    assert found.orphans == 0
