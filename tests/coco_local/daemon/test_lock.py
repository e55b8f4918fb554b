from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from coco_core.errors import AlreadyRunning, InvalidConfig
from coco_local.daemon.lock import LockRecord, ServiceLock
from coco_local.daemon.process_identity import identity_of, is_alive

_TAKER = """
import sys
from pathlib import Path
from coco_core.errors import AlreadyRunning
from coco_local.daemon.lock import ServiceLock
lock = ServiceLock(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    lock.acquire("127.0.0.1", 1234)
    print("won", flush=True)
except AlreadyRunning as error:
    print("lost", error.details["pid"], flush=True)
sys.stdin.readline()
"""

_GUARD_HOLDER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
"""


class Taker:
    """A process that takes the lock when it is told to, and holds it until it is killed."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    @property
    def result(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def taker(path: Path) -> Iterator[Taker]:
    made = Taker(path)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "service.lock"


def _guard(path: Path) -> Path:
    return path.with_name(f"{path.name}.guard")


def _dead() -> LockRecord:
    """A record of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = identity_of(process.pid)
        assert identity is not None
        record = LockRecord(process.pid, identity, 1.0, "127.0.0.1", 1, "0")
        assert record.alive
    assert not record.alive
    return record


def test_who_holds_the_lock_stands_in_it(path: Path) -> None:
    lock = ServiceLock(path)
    record = lock.acquire("127.0.0.1", 3456)
    assert json.loads(path.read_text(encoding="utf-8")) == asdict(record)
    assert (record.pid, record.port) == (os.getpid(), 3456)
    assert ServiceLock(path).inspect() == record
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, _guard(path).name]
    with pytest.raises(AlreadyRunning, match=f"PID {os.getpid()} on port 3456"):
        ServiceLock(path).acquire("127.0.0.1", 1)
    lock.release()
    assert not path.exists()
    assert lock.inspect() is None


def test_only_the_holder_releases(path: Path) -> None:
    ServiceLock(path).acquire("127.0.0.1", 1)
    ServiceLock(path).release()
    assert path.exists()


def test_a_lock_that_was_taken_over_is_left_alone(path: Path) -> None:
    lock = ServiceLock(path)
    record = lock.acquire("127.0.0.1", 1)
    path.write_text(json.dumps(asdict(replace(record, port=2))), encoding="utf-8")
    lock.release()
    assert path.exists()


def test_after_kill_9_the_next_start_takes_the_lock(path: Path) -> None:
    with taker(path) as first:
        first.go()
        assert first.result == "won"
        with pytest.raises(AlreadyRunning):
            ServiceLock(path).acquire("127.0.0.1", 1)
        first.process.kill()
        first.process.wait()
        assert path.exists()
        assert ServiceLock(path).acquire("127.0.0.1", 1).pid == os.getpid()


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has zombies")
def test_a_zombie_is_dead(path: Path) -> None:
    with taker(path) as first:
        first.go()
        assert first.result == "won"
        first.process.kill()
        os.waitid(os.P_PID, first.process.pid, os.WEXITED | os.WNOWAIT)
        # Nobody has asked how it ended: the PID still exists.
        os.kill(first.process.pid, 0)
        assert ServiceLock(path).inspect() is None
        ServiceLock(path).acquire("127.0.0.1", 1)


def test_a_recycled_pid_is_not_the_holder(path: Path) -> None:
    mine = LockRecord.mine("127.0.0.1", 1)
    before = replace(mine, identity=f"{mine.identity}0")
    path.write_text(json.dumps(asdict(before)), encoding="utf-8")
    assert ServiceLock(path).inspect() is None
    assert ServiceLock(path).acquire("127.0.0.1", 2).identity == mine.identity


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"pid": "x"}', b"\xff\xfe", b"null", b"12345"]
)
def test_what_is_no_lock_is_replaced(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (0, 0))
    assert ServiceLock(path).inspect() is None
    record = ServiceLock(path).acquire("127.0.0.1", 1)
    assert ServiceLock(path).inspect() == record


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_starts_at_once_exactly_one_wins(path: Path, stale: bool) -> None:
    for _ in range(3):
        if stale:
            path.write_text(json.dumps(asdict(_dead())), encoding="utf-8")
        else:
            path.unlink(missing_ok=True)
        with ExitStack() as stack:
            takers = [stack.enter_context(taker(path)) for _ in range(6)]
            for one in takers:
                one.go()
            results = [one.result for one in takers]
            winners = [t for t, result in zip(takers, results, strict=True) if result == "won"]
            assert len(winners) == 1
            assert results.count(f"lost {winners[0].process.pid}") == 5
            left = sorted(entry.name for entry in path.parent.iterdir())
            assert left == [path.name, _guard(path).name]


def test_who_dies_while_replacing_a_dead_lock_blocks_nobody(path: Path) -> None:
    path.write_text(json.dumps(asdict(_dead())), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", _GUARD_HOLDER, str(_guard(path))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    assert ServiceLock(path).acquire("127.0.0.1", 1).pid == os.getpid()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="cannot be written"):
        ServiceLock(tmp_path / "none" / "service.lock").acquire("127.0.0.1", 1)


def test_identities() -> None:
    mine = identity_of(os.getpid())
    assert mine is not None
    assert is_alive(os.getpid(), mine)
    assert not is_alive(os.getpid(), "another")
    assert identity_of(2**22 + 1) is None


def test_a_lock_that_somebody_removed_is_written_again(path: Path) -> None:
    lock = ServiceLock(path)
    record = lock.acquire("127.0.0.1", 1)
    path.unlink()
    assert lock.keep()
    assert lock.inspect() == record


def test_a_home_that_another_process_took_is_not_kept(path: Path) -> None:
    lock = ServiceLock(path)
    lock.acquire("127.0.0.1", 1)
    path.unlink()
    with taker(path) as other:
        other.go()
        assert other.result == "won"
        assert not lock.keep()


def test_a_home_that_is_gone_is_not_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    lock = ServiceLock(home / "service.lock")
    lock.acquire("127.0.0.1", 1)
    shutil.rmtree(home)
    assert not lock.keep()
