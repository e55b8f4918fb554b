from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.connectors import localfs
from coco_flow.components.file import PatternFilePathMatcher
from coco_flow.components.sentinel import NON_EXISTENCE

# Long ago, so that a file's token can be trusted.
SETTLED = 1_700_000_000_000_000_000


def write(path: Path, text: str, at: int = SETTLED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(at, at))


async def keys(walker: localfs.DirWalker) -> list[str]:
    return sorted([key async for key, _ in walker.items()])


def test_a_walk_finds_what_patterns_choose_and_follows_links_once(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "deep/c.md", "node_modules/d.md", "deep/er/e.md"):
        write(tmp_path / name, name)
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    (tmp_path / "linked.md").symlink_to(tmp_path / "a.md")
    matcher = PatternFilePathMatcher(["**/*.md"], ["**/node_modules"])
    flat = localfs.walk_dir(tmp_path, path_matcher=matcher)
    assert asyncio.run(keys(flat)) == ["a.md", "linked.md"]
    deep = localfs.walk_dir(tmp_path, recursive=True, path_matcher=matcher)
    assert asyncio.run(keys(deep)) == ["a.md", "deep/c.md", "deep/er/e.md", "linked.md"]


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a directory"):
        asyncio.run(keys(localfs.walk_dir(tmp_path / "missing")))


def state(path: Path, previous: Any = NON_EXISTENCE) -> Any:
    return asyncio.run(localfs.File(localfs.FilePath(path)).__coco_memo_state__(previous))


def test_an_untouched_file_is_not_read_and_a_restored_one_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, "one")
    first = state(path)
    assert state(path, first.state) == coco.MemoStateOutcome(first.state, memo_valid=True)
    # Only its time changes.
    os.utime(path, ns=(SETTLED + 5, SETTLED + 5))
    touched = state(path, first.state)
    assert touched.memo_valid
    assert touched.state != first.state
    # Another content of an earlier time, as from a backup.
    write(path, "two", SETTLED - 10**12)
    assert not state(path, touched.state).memo_valid


def test_the_token_of_a_file_that_was_just_written_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    now = time.time_ns()
    write(path, "one", now)
    first = state(path)
    write(path, "two", now)
    os.utime(path, ns=(now, now))
    assert not state(path, first.state).memo_valid


def test_only_changed_files_are_processed_again(tmp_path: Path, app: Callable[..., Any]) -> None:
    source = tmp_path / "source"
    for name in ("a.txt", "b.txt"):
        write(source / name, name)
    processed: list[str] = []

    @coco.fn(memo=True)
    async def process(file: localfs.File) -> None:
        processed.append(file.file_path.name)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(process, localfs.walk_dir(source).items())

    program = app(main)
    program.update_blocking()
    program.update_blocking()
    assert sorted(processed) == ["a.txt", "b.txt"]
    write(source / "b.txt", "changed", SETTLED + 1)
    program.update_blocking()
    assert processed[2:] == ["b.txt"]


class Handle:
    async def ready(self) -> None:
        pass


class Subscriber:
    """Keeps what a live directory says, and lets a test wait for it."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self.seen: dict[str, str] = {}
        self.scans = 0
        self.ready = False
        self.changed = asyncio.Event()

    async def update_all(self) -> None:
        self.seen = {key: await file.read_text() async for key, file in self.items}
        self.scans += 1
        self.changed.set()

    async def mark_ready(self) -> None:
        self.ready = True
        self.changed.set()

    async def update(self, key: str, file: localfs.File) -> Handle:
        self.seen[key] = await file.read_text()
        self.changed.set()
        return Handle()

    async def delete(self, key: str) -> Handle:
        self.seen.pop(key, None)
        self.changed.set()
        return Handle()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


async def watching(walker: localfs.DirWalker, script: Callable[[Subscriber], Any]) -> None:
    items: Any = walker.items()
    subscriber = Subscriber(items)
    watch = asyncio.create_task(items.watch(subscriber))
    try:
        await subscriber.until(lambda: subscriber.ready)
        await script(subscriber)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


def test_a_live_directory_tells_of_what_changes(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(root / "a.txt", "a")
    write(outside / "new" / "c.txt", "c")
    matcher = PatternFilePathMatcher(["**/*.txt"], ["skipped"])

    async def script(subscriber: Subscriber) -> None:
        assert subscriber.seen == {"a.txt": "a"}
        write(root / "a.txt", "changed")
        write(root / "skipped" / "no.txt", "no")
        write(root / "b.log", "no")
        write(root / "deep" / "b.txt", "b")
        (outside / "new").rename(root / "new")
        expected = {"a.txt": "changed", "deep/b.txt": "b", "new/c.txt": "c"}
        await subscriber.until(lambda: subscriber.seen == expected)
        (root / "a.txt").unlink()
        (root / "new").rename(outside / "old")
        await subscriber.until(lambda: subscriber.seen == {"deep/b.txt": "b"})

    walker = localfs.walk_dir(root, live=True, recursive=True, path_matcher=matcher)
    asyncio.run(watching(walker, script))


def test_a_live_directory_is_walked_again_when_the_interval_has_passed(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "a")

    async def script(subscriber: Subscriber) -> None:
        await subscriber.until(lambda: subscriber.scans >= 3)

    interval = timedelta(milliseconds=50)
    asyncio.run(watching(localfs.walk_dir(tmp_path, live=True, rescan_interval=interval), script))


def test_a_live_app_follows_a_directory(tmp_path: Path, app: Callable[..., Any]) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    write(source / "a.txt", "one")

    @coco.fn(memo=True)
    async def copy(file: localfs.File, into: localfs.DirTarget) -> None:
        into.declare_file(file.file_path.name, (await file.read_text()).upper())

    @coco.fn
    async def main() -> None:
        into = await localfs.mount_dir_target(target)
        await coco.mount_each(copy, localfs.walk_dir(source, live=True).items(), into)

    def contents() -> dict[str, str]:
        try:
            return {path.name: path.read_text() for path in target.iterdir()}
        except FileNotFoundError:
            # A file that is being written has another name for a moment.
            return {}

    async def script() -> None:
        update = asyncio.create_task(app(main).update(live=True).result())

        async def until(expected: dict[str, str]) -> None:
            async with asyncio.timeout(20):
                while contents() != expected:
                    assert not update.done(), update.exception()
                    await asyncio.sleep(0.01)

        try:
            await until({"a.txt": "ONE"})
            write(source / "b.txt", "two", time.time_ns())
            write(source / "a.txt", "one more", time.time_ns())
            await until({"a.txt": "ONE MORE", "b.txt": "TWO"})
            (source / "a.txt").unlink()
            await until({"b.txt": "TWO"})
        finally:
            update.cancel()
            await asyncio.gather(update, return_exceptions=True)

    asyncio.run(script())
