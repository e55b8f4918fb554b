"""A daemon of one's own for a benchmark: temporary home, free port, a copy of the repository."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from coco_core.errors import CocoError
from coco_embed.store import DEFAULT_MODEL
from coco_protocol.docs import QueryRequest, RetrievalBody
from coco_protocol.projects import ProjectBody
from tests.daemon_process import Daemon, install_model

# Nothing that is measured here takes longer on a slow machine.
LONGEST = 3600.0

_POLL = 0.05

# A daemon that spends less than this share of a core for so long has nothing to do.
_CALM_SHARE = 0.05
_CALM_SECONDS = 4

# Questions that any code base answers somehow; each run asks them in the same order.
QUESTIONS = (
    "where is the configuration loaded",
    "parse command line arguments",
    "retry a failed connection",
    "raise an error when the file does not exist",
    "convert a value to a string",
    "cache the result of a query",
    "validate user input",
    "close the database connection",
    "render a template",
    "sort items by their date",
)


def arguments(about: str | None, *, repository: bool = True) -> argparse.ArgumentParser:
    """Return a parser with what all benchmarks take."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if repository:
        parser.add_argument("repository", type=Path, metavar="REPO", help="a source tree")
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="the models folder of a CoCo home; without it answers are by keywords",
    )
    return parser


@contextmanager
def laboratory(models: Path | None, home: Path | None = None) -> Iterator[Daemon]:
    """Yield a daemon that is not started yet; at the end it is stopped.

    Its home is a temporary folder, unless one is given: that stays, with its indexes.
    """
    with tempfile.TemporaryDirectory(prefix="coco-bench-") as folder:
        daemon = Daemon(Path(folder, "home") if home is None else home.resolve())
        if models is not None:
            install_model(daemon.home, models / DEFAULT_MODEL)
        try:
            yield daemon
        finally:
            if daemon.process is not None:
                daemon.stop()


def copy_of(repository: Path, daemon: Daemon) -> Path:
    """Copy a repository beside the daemon's home, to be changed there; git history stays away."""
    target = daemon.home.parent / repository.resolve().name
    ignore = shutil.ignore_patterns(".git", "node_modules")
    shutil.copytree(repository, target, symlinks=True, ignore=ignore)
    git(target, "init", "--quiet", "--initial-branch=main")
    commit(target, "as it was")
    return target


def commit(root: Path, message: str) -> None:
    """Commit everything."""
    git(root, "add", "--all", "--force")
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@example.org")
    git(root, *who, "commit", "--quiet", "--message", message)


def git(root: Path, *arguments: str) -> None:
    """Run git."""
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def begin(daemon: Daemon, *paths: Path) -> float:
    """Start the daemon and return the seconds until its port answers."""
    before = time.perf_counter()
    daemon.start(*paths)
    return time.perf_counter() - before


def wait_ready(daemon: Daemon, *, embedded: bool, only: str | None = None) -> ProjectBody:
    """Wait until a project is indexed, on demand with every vector."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        with daemon.client as client:
            found = [p for p in client.projects().projects if only in (None, p.project_id)]
        project = found[0] if found else None
        if project is not None and project.state in {"ready", "embedding", "empty"}:
            if not embedded and project.pending_files == 0:
                return project
            if project.state == "ready" and project.embedded == project.chunks:
                return project
        time.sleep(_POLL)
    raise AssertionError("the index was not ready in time")


def wait_idle(daemon: Daemon) -> None:
    """Wait until nothing is left to do: everything is flushed, and no thread computes any more.

    Static vectors come after the keywords and are not counted among what is pending; a query
    without them has less to scan.
    """
    assert daemon.process is not None
    process = psutil.Process(daemon.process.pid)
    calm = 0
    while calm < _CALM_SECONDS:
        before = process.cpu_times()
        time.sleep(1)
        after = process.cpu_times()
        spent = (after.user + after.system) - (before.user + before.system)
        calm = calm + 1 if spent < _CALM_SHARE and not stores(daemon)["unflushed"] else 0


def ask(daemon: Daemon, rounds: int = 5) -> list[float]:
    """Ask every question some times over one connection; return the seconds of each."""
    took = []
    with daemon.client as client:
        client.health()
        for _ in range(rounds):
            for text in QUESTIONS:
                before = time.perf_counter()
                client.query(QueryRequest(query=text, retrieval_config=RetrievalBody(top_k=10)))
                took.append(time.perf_counter() - before)
    return took


def stores(daemon: Daemon) -> dict[str, int]:
    """Return the daemon's own counts of its stores."""
    with daemon.client as client:
        return dict(client.stats().stores)


def resident(daemon: Daemon) -> float:
    """Return the daemon's resident memory in MiB."""
    assert daemon.process is not None
    return psutil.Process(daemon.process.pid).memory_info().rss / 2**20


def disk_size(daemon: Daemon) -> float:
    """Return what the index occupies, without models and logs, in MiB."""
    paths = [daemon.home / "lancedb", *daemon.home.glob("*.db*")]
    files = [f for path in paths for f in (path.rglob("*") if path.is_dir() else [path])]
    return sum(os.lstat(file).st_size for file in files if file.is_file()) / 2**20


class PeakMemory:
    """The largest resident memory of a process over a stretch of time, in MiB."""

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._process = psutil.Process(pid)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_POLL):
            try:
                self.mib = max(self.mib, self._process.memory_info().rss / 2**20)
            except psutil.NoSuchProcess:
                return


def first_answer(daemon: Daemon, text: str) -> int:
    """Ask until there is a hit; return how many questions that took."""
    deadline = time.monotonic() + LONGEST
    asked = 0
    while time.monotonic() < deadline:
        asked += 1
        try:
            _, data = daemon.query(text)
        except CocoError:
            # The project is registered a moment after the port answers.
            continue
        if data.results:
            return asked
    raise AssertionError("no question was answered")
