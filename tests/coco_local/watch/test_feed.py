from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from coco_local.watch import ChangeFeed, WatchMode
from coco_local.watch.notifier import Notifier
from coco_local.watch.state import fault_state
from tests.programs import python
from tests.threads import at_once
from tests.waiting import until

pytestmark = pytest.mark.slow

# Far above what is needed; a test that waits so long fails.
_PATIENCE = 20.0

linux = pytest.mark.skipif(sys.platform != "linux", reason="counts on inotify's exact order")


class Seen:
    """What was delivered, and a way to wait for it; it lists new directories as an index does."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()
        self.feed: ChangeFeed | None = None
        self._condition = threading.Condition()

    def __call__(self, paths: set[Path]) -> None:
        for path in paths:
            if self.feed is not None and path.is_dir():
                watch_all(self.feed, path)
        with self._condition:
            self.paths |= paths
            self._condition.notify_all()

    def clear(self) -> None:
        with self._condition:
            self.paths.clear()

    def wait_for(self, path: Path) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: path in self.paths, _PATIENCE), path

    def covers(self, path: Path) -> bool:
        """Whether the path was named, or a directory above it that is to be listed."""
        with self._condition:
            return not self.paths.isdisjoint({path, *path.parents})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def seen() -> Seen:
    return Seen()


def watch_all(feed: ChangeFeed, directory: Path) -> None:
    for top, names, _ in os.walk(directory):
        feed.watch(Path(top))
        names[:] = [name for name in names if name != ".git"]


@contextmanager
def watching(
    root: Path,
    cookies: Path,
    consumer: Callable[[set[Path]], None],
    *,
    trees: bool | None = None,
) -> Iterator[ChangeFeed]:
    feed = ChangeFeed(root, cookies, consumer, trees=trees)
    if isinstance(consumer, Seen):
        consumer.feed = feed
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()


@pytest.fixture
def feed(root: Path, tmp_path: Path, seen: Seen) -> Iterator[ChangeFeed]:
    with watching(root, tmp_path / "cookies", seen) as feed:
        yield feed


def save(feed: ChangeFeed, path: Path) -> Path:
    """Write a file and wait until the feed has delivered all that came before."""
    path.write_text("x", encoding="utf-8")
    assert feed.sync(_PATIENCE)
    return path


def test_changes_are_delivered_by_themselves(feed: ChangeFeed, root: Path, seen: Seen) -> None:
    assert feed.state.mode is WatchMode.WATCHING
    (root / "a.py").write_text("x", encoding="utf-8")
    seen.wait_for(root / "a.py")
    seen.clear()
    (root / "a.py").write_text("y", encoding="utf-8")
    seen.wait_for(root / "a.py")
    seen.clear()
    (root / "a.py").rename(root / "b.py")
    seen.wait_for(root / "a.py")
    seen.wait_for(root / "b.py")
    seen.clear()
    (root / "b.py").unlink()
    seen.wait_for(root / "b.py")


def test_every_edit_before_a_sync_is_delivered_when_it_returns(
    feed: ChangeFeed, root: Path, seen: Seen, tmp_path: Path
) -> None:
    notifier = tmp_path / "elsewhere" / "notifier"
    notifier.parent.mkdir()
    notifier.touch()
    bare = Notifier([str(notifier.parent)])
    took, took_bare = [], []
    for number in range(300):
        path = root / f"file{number % 7}.py"
        path.write_text(str(number), encoding="utf-8")
        seen.clear()
        path.write_text(f"{number}!", encoding="utf-8")
        began = time.perf_counter()
        assert feed.sync(_PATIENCE)
        took.append(time.perf_counter() - began)
        assert path in seen.paths
        began = time.perf_counter()
        os.utime(notifier)
        assert bare.wait(time.monotonic() + _PATIENCE)
        took_bare.append(time.perf_counter() - began)
    bare.close()
    # It takes what a few events take (some 50 microseconds, 6 events), and waits for no fixed time.
    # Both are measured in turn, so that they find the machine equally busy.
    assert median(took) < 50 * median(took_bare)


def test_many_threads_sync_at_once(feed: ChangeFeed, root: Path, seen: Seen) -> None:
    missing: list[Path] = []

    def edit(thread: int) -> None:
        for number in range(25):
            path = root / f"{thread}-{number}.py"
            path.write_text("x", encoding="utf-8")
            if not feed.sync(_PATIENCE) or path not in seen.paths:
                missing.append(path)

    at_once(*(partial(edit, number) for number in range(12)))
    assert missing == []


@linux
def test_a_new_tree_filled_at_once_is_covered(feed: ChangeFeed, root: Path, seen: Seen) -> None:
    for number in range(40):
        path = root / f"new{number}" / "a" / "b" / "x.py"
        path.parent.mkdir(parents=True)
        assert seen.covers(save(feed, path))
    # Later, when its watch stands, every file in it is seen by itself.
    assert seen.covers(save(feed, root / "new0/a/b/late.py"))


def test_a_new_directory_is_delivered_again_when_its_watch_stands(
    root: Path, tmp_path: Path, seen: Seen
) -> None:
    with watching(root, tmp_path / "cookies", seen, trees=True):
        (root / "new").mkdir()
        seen.wait_for(root / "new")
        for _ in range(2):
            seen.clear()
            seen.wait_for(root / "new")


def test_a_moved_tree_is_delivered_at_both_ends(
    feed: ChangeFeed, root: Path, seen: Seen, tmp_path: Path
) -> None:
    (tmp_path / "aside/deep").mkdir(parents=True)
    (tmp_path / "aside/deep/x.py").write_text("x", encoding="utf-8")
    (tmp_path / "aside").rename(root / "in")
    seen.wait_for(root / "in")
    seen.clear()
    (root / "in").rename(root / "other")
    seen.wait_for(root / "in")
    seen.wait_for(root / "other")


def test_most_of_gits_own_files_are_dropped(feed: ChangeFeed, root: Path, seen: Seen) -> None:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    assert feed.sync(_PATIENCE)
    seen.clear()
    (root / ".git/objects/ab").mkdir(parents=True)
    (root / ".git/index.lock").write_text("x", encoding="utf-8")
    (root / ".git/HEAD").write_text("ref: refs/heads/other\n", encoding="utf-8")
    seen.wait_for(root / ".git/HEAD")
    assert feed.sync(_PATIENCE)
    inside = {path for path in seen.paths if ".git" in path.parts}
    assert inside <= {root / ".git", root / ".git/HEAD", root / ".git/info/exclude"}


def test_cookies_are_never_delivered(root: Path, seen: Seen) -> None:
    with watching(root, root / ".coco/cookies", seen) as feed:
        for _ in range(20):
            assert feed.sync(_PATIENCE)
        assert not {path for path in seen.paths if "cookies" in path.parts[-3:-1]}
    assert not list((root / ".coco/cookies").iterdir())


def test_a_root_behind_a_link_keeps_its_name(root: Path, tmp_path: Path, seen: Seen) -> None:
    (tmp_path / "link").symlink_to(root)
    with watching(tmp_path / "link", tmp_path / "cookies", seen):
        (root / "a.py").write_text("x", encoding="utf-8")
        seen.wait_for(tmp_path / "link/a.py")


def test_a_root_that_goes_and_comes_back(
    feed: ChangeFeed, root: Path, seen: Seen, tmp_path: Path
) -> None:
    root.rename(tmp_path / "elsewhere")
    until(lambda: feed.state.mode is WatchMode.MISSING, _PATIENCE)
    seen.wait_for(root)
    assert not feed.sync(0.01)
    seen.clear()
    root.mkdir()
    until(lambda: feed.state.mode is WatchMode.WATCHING, _PATIENCE)
    seen.wait_for(root)
    assert save(feed, root / "a.py") in seen.paths


def test_a_root_that_is_replaced_in_a_moment(feed: ChangeFeed, root: Path, seen: Seen) -> None:
    shutil.rmtree(root)
    root.mkdir()
    (root / "a.py").write_text("x", encoding="utf-8")
    assert feed.sync(_PATIENCE)
    assert root in seen.paths
    seen.clear()
    assert save(feed, root / "b.py") in seen.paths


@linux
@pytest.mark.parametrize("trees", [False, True])
def test_a_name_that_is_not_utf8(root: Path, tmp_path: Path, seen: Seen, trees: bool) -> None:
    bad = os.fsencode(root) + b"/\xff.txt"
    with watching(root, tmp_path / "cookies", seen, trees=trees) as feed:
        os.close(os.open(bad, os.O_CREAT))
        # What watches trees cannot name it: a new watch is set up, and the project listed again.
        seen.wait_for(root if trees else Path(os.fsdecode(bad)))
        until(lambda: feed.sync(0.1), _PATIENCE)
        assert feed.state.mode is WatchMode.WATCHING
        assert save(feed, root / "a.py") in seen.paths
        Path(os.fsdecode(bad)).unlink()


@linux
def test_a_queue_that_ran_over_costs_a_listing(feed: ChangeFeed, root: Path, seen: Seen) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    files = [save(feed, root / name) for name in ("a", "b")]
    seen.clear()
    with feed._lock:
        # Nothing is taken meanwhile, and the kernel joins only equal events in a row.
        for number in range(limit + 2):
            os.utime(files[number % 2])
    seen.wait_for(root)
    until(lambda: feed.sync(0.1), _PATIENCE)
    assert save(feed, root / "c") in seen.paths


def test_cookies_that_are_removed(feed: ChangeFeed, root: Path, tmp_path: Path, seen: Seen) -> None:
    assert feed.sync(_PATIENCE)
    shutil.rmtree(tmp_path / "cookies")
    assert not feed.sync(0.5)
    until(lambda: feed.sync(0.1), _PATIENCE)
    assert seen.covers(save(feed, root / "a.py"))


def test_a_consumer_that_fails_does_not_end_the_watch(root: Path, tmp_path: Path) -> None:
    calls: list[set[Path]] = []

    def fail(paths: set[Path]) -> None:
        calls.append(paths)
        raise ValueError("broken")

    with watching(root, tmp_path / "cookies", fail) as feed:
        for name in ("a", "b"):
            save(feed, root / name)
        assert any(root / "b" in paths for paths in calls)


def test_a_root_that_is_not_there(tmp_path: Path, seen: Seen) -> None:
    with watching(tmp_path / "none", tmp_path / "cookies", seen) as feed:
        assert feed.state.mode is WatchMode.MISSING
        assert not feed.sync(0.01)
    assert feed.state.mode is WatchMode.STOPPED


_LIMITED = """
import resource, sys
from pathlib import Path
from coco_local.watch import ChangeFeed, WatchMode
got = set()
limit = len(list(Path("/proc/self/fd").iterdir())) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
feed = ChangeFeed(Path(sys.argv[1]), Path(sys.argv[2]), got.update)
feed.start()
first = feed.state
assert not feed.sync(0.01)
import time
deadline = time.monotonic() + 20
while not got and time.monotonic() < deadline:
    time.sleep(0.01)
resource.setrlimit
feed.stop()
print(first.mode, "|", first.hint, "|", got == {Path(sys.argv[1])})
"""


@linux
def test_a_limit_of_the_system_is_told_and_rescans_take_over(root: Path, tmp_path: Path) -> None:
    told = python(_LIMITED, root, tmp_path / "cookies")
    mode, hint, rescanned = told.splitlines()[-1].split(" | ")
    assert mode == WatchMode.POLLING
    assert "fs.inotify.max_user_instances" in hint
    assert rescanned == "True"


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ('OS file watch limit reached. about ["/x"]', "max_user_watches"),
        ("No space left on device (os error 28)", "max_user_watches"),
        ("Too many open files (os error 24)", "max_user_instances"),
    ],
)
def test_the_hint_fits_the_limit(message: str, hint: str) -> None:
    assert hint in str(fault_state(message).hint)


@linux
def test_an_idle_feed_costs_next_to_nothing(root: Path, tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from coco_local.watch import ChangeFeed\n"
        "root, cookies = map(Path, sys.argv[1:])\n"
        "feeds = [ChangeFeed(root, cookies / str(n), print) for n in range(3)]\n"
        "[feed.start() for feed in feeds]\n"
        "before = time.process_time()\n"
        "time.sleep(2)\n"
        "print((time.process_time() - before) / 2)\n"
    )
    assert float(python(code, root, tmp_path / "cookies")) < 0.01
