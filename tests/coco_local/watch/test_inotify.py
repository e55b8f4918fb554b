from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_local.watch.inotify import LOST, InotifyNotifier
from coco_local.watch.notifier import ADDED, DELETED, MODIFIED, NotifierFault

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def notifier(tmp_path: Path) -> Iterator[InotifyNotifier]:
    made = InotifyNotifier([str(tmp_path)])
    yield made
    made.close()


def watches(notifier: InotifyNotifier) -> int:
    """Return how many watches the kernel holds for a notifier."""
    information = Path(f"/proc/self/fdinfo/{notifier._file}").read_text(encoding="ascii")
    return information.count("inotify wd")


def test_what_happened_before_a_look_is_seen_by_it(
    notifier: InotifyNotifier, tmp_path: Path
) -> None:
    file = tmp_path / "a b\nc.py"
    file.write_text("x", encoding="utf-8")
    assert {(ADDED, str(file)), (MODIFIED, str(file))} == notifier.take()
    file.unlink()
    assert (DELETED, str(file)) in notifier.take()
    assert notifier.take() == set()
    assert notifier.wait(time.monotonic()) == set()


def test_a_directory_is_watched_when_it_is_asked_for(
    notifier: InotifyNotifier, tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    notifier.take()
    (inner / "unseen").touch()
    assert notifier.take() == set()
    notifier.watch(str(inner))
    (inner / "seen").touch()
    assert (ADDED, str(inner / "seen")) in notifier.take()


def test_links_are_not_followed_and_what_is_gone_is_no_fault(
    notifier: InotifyNotifier, tmp_path: Path
) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    notifier.watch(str(tmp_path / "link"))
    notifier.watch(str(tmp_path / "none"))
    assert watches(notifier) == 1


def test_what_no_listing_asks_for_is_let_go(notifier: InotifyNotifier, tmp_path: Path) -> None:
    for name in ("kept", "left"):
        (tmp_path / name).mkdir()
        notifier.watch(str(tmp_path / name))
    notifier.take()
    listing = notifier.begin_listing()
    other = notifier.begin_listing()
    notifier.watch(str(tmp_path / "kept"))
    notifier.end_listing(listing)
    notifier.end_listing(other)
    # The root is one of them, though no listing asked for it.
    assert watches(notifier) == 2
    (tmp_path / "left/x").touch()
    assert notifier.take() == set()
    (tmp_path / "kept/x").touch()
    (tmp_path / "x").touch()
    seen = {path for _, path in notifier.take()}
    assert seen == {str(tmp_path / "kept/x"), str(tmp_path / "x")}


def test_a_moved_directory_is_let_go_with_all_below_it(
    notifier: InotifyNotifier, tmp_path: Path
) -> None:
    (tmp_path / "old/deep").mkdir(parents=True)
    for path in (tmp_path / "old", tmp_path / "old/deep"):
        notifier.watch(str(path))
    notifier.take()
    (tmp_path / "old").rename(tmp_path / "new")
    changes = notifier.take()
    assert {(DELETED, str(tmp_path / "old")), (ADDED, str(tmp_path / "new"))} <= changes
    assert watches(notifier) == 1
    notifier.watch(str(tmp_path / "new/deep"))
    (tmp_path / "new/deep/x").touch()
    assert (ADDED, str(tmp_path / "new/deep/x")) in notifier.take()


def test_a_directory_watched_again_under_its_new_name_stays(
    notifier: InotifyNotifier, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    notifier.watch(str(tmp_path / "old"))
    (tmp_path / "old").rename(tmp_path / "new")
    notifier.watch(str(tmp_path / "new"))
    # Only now is the move itself read.
    notifier.take()
    (tmp_path / "new/x").touch()
    assert (ADDED, str(tmp_path / "new/x")) in notifier.take()


def test_a_root_that_goes_says_so(notifier: InotifyNotifier, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    assert (DELETED, str(tmp_path)) in notifier.take()
    assert watches(notifier) == 0


def test_a_queue_that_ran_over_says_so(notifier: InotifyNotifier, tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    one, two = tmp_path / "one", tmp_path / "two"
    one.touch()
    two.touch()
    # The kernel joins equal events in a row; these are not equal.
    for _ in range(limit // 2 + 2):
        os.utime(one)
        os.utime(two)
    assert (LOST, "") in notifier.take()


def test_a_closed_notifier_watches_nothing(tmp_path: Path) -> None:
    notifier = InotifyNotifier([str(tmp_path)])
    notifier.close()
    notifier.watch(str(tmp_path))
    notifier.close()
    with pytest.raises(NotifierFault):
        notifier.take()


_LIMITED = """
import sys
from pathlib import Path
from coco_local.watch import ChangeFeed
Path("/proc/sys/user/max_inotify_watches").write_text("5")
root = Path(sys.argv[1])
feed = ChangeFeed(root, Path(sys.argv[2]), lambda paths: None)
feed.start()
before = feed.state
with feed.listing():
    for directory in root.iterdir():
        feed.watch(directory)
print(before.mode, "|", feed.state.mode, "|", feed.state.hint)
feed.stop()
"""


def test_a_limit_of_watches_that_is_met_while_listing_is_reported(tmp_path: Path) -> None:
    unshare = ["unshare", "--user", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"]).returncode:
        pytest.skip("a user namespace of its own is needed to lower the limit")
    for number in range(10):
        (tmp_path / f"root/d{number}").mkdir(parents=True)
    done = subprocess.run(
        [*unshare, sys.executable, "-c", _LIMITED, tmp_path / "root", tmp_path / "cookies"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    before, after, hint = done.stdout.splitlines()[-1].split(" | ")
    assert (before, after) == ("watching", "polling")
    assert "fs.inotify.max_user_watches" in hint
