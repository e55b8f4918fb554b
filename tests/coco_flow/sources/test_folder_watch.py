"""Watching a folder: every change arrives, by its key or as a call for a new listing."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coco_flow.ports import ReadRow, SourceConnector, Watch
from coco_flow.sources import LocalFile
from coco_flow.sources import folder_tree as tree_module
from coco_flow.sources import folder_watch as module
from coco_flow.sources.change_stream import STORM
from tests.coco_flow.sources.listing import next_change, opened, run
from tests.waiting import until

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs links")


@contextmanager
def watching(root: Path, **options: Any) -> Iterator[Watch]:
    source = opened(LocalFile(path=str(root), watch_changes=True, **options))
    watch = source.watch()
    assert watch is not None
    try:
        yield watch
    finally:
        source.close()


async def seen(watch: Watch, *expected: str) -> None:
    """Wait until all of the keys were reported, alone or as part of a new listing."""
    missing = set(expected)
    while missing:
        keys = await next_change(watch)
        if keys is None:
            return
        missing -= keys


async def rescan(watch: Watch) -> None:
    while await next_change(watch) is not None:
        pass


def check(root: Path, body: Callable[[Watch], Awaitable[None]], **options: Any) -> None:
    with watching(root, **options) as watch:
        run(lambda: body(watch))


@pytest.mark.row("SR-3 push change capture")
@pytest.mark.row("LIVE-3 source-specific capture")
def test_a_save_reports_its_key_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.md", "sub/b.md", "c.md"):
        (tmp_path / name).write_text("old", encoding="utf-8")

    async def body(watch: Watch) -> None:
        (tmp_path / "sub/b.md").write_text("new", encoding="utf-8")
        assert await next_change(watch) == {"sub/b.md"}
        (tmp_path / "new.md").write_text("new", encoding="utf-8")
        assert await next_change(watch) == {"new.md"}
        (tmp_path / "a.md").unlink()
        assert await next_change(watch) == {"a.md"}
        (tmp_path / "c.md").rename(tmp_path / "d.md")
        await seen(watch, "c.md", "d.md")
        # As editors do it: the new content is in another file, which is then renamed.
        (tmp_path / "~d").write_text("newer", encoding="utf-8")
        (tmp_path / "~d").replace(tmp_path / "d.md")
        await seen(watch, "~d", "d.md")

    check(tmp_path, body)


def test_other_files_are_not_reported(tmp_path: Path) -> None:
    (tmp_path / "skip").mkdir()

    async def body(watch: Watch) -> None:
        (tmp_path / "skip/a.md").write_text("", encoding="utf-8")
        (tmp_path / "skip/sub").mkdir()
        (tmp_path / "b.txt").write_text("", encoding="utf-8")
        (tmp_path / "wanted.md").write_text("", encoding="utf-8")
        assert await next_change(watch) == {"wanted.md"}

    check(tmp_path, body, included_patterns=["*.md"], excluded_patterns=["skip"])


def test_what_changes_before_anyone_waits_is_kept(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        (tmp_path / "early.md").write_text("", encoding="utf-8")
        run(lambda: seen(watch, "early.md"))
        # Another loop, as when a live update is started again.
        (tmp_path / "later.md").write_text("", encoding="utf-8")
        run(lambda: seen(watch, "later.md"))


def test_files_put_into_a_new_folder_are_reported(tmp_path: Path) -> None:
    async def body(watch: Watch) -> None:
        (tmp_path / "x/y").mkdir(parents=True)
        (tmp_path / "x/y/a.md").write_text("", encoding="utf-8")
        await seen(watch, "x/y/a.md")
        (tmp_path / "x/y/b.md").write_text("", encoding="utf-8")
        await seen(watch, "x/y/b.md")

    check(tmp_path, body)


def test_a_folder_that_moves_in_or_out_is_noticed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "inner/deep").mkdir(parents=True)
    (root / "inner/deep/a.md").write_text("", encoding="utf-8")
    outside.mkdir()
    (outside / "b.md").write_text("", encoding="utf-8")

    async def body(watch: Watch) -> None:
        outside.rename(root / "came")
        await seen(watch, "came/b.md")
        (root / "inner").rename(tmp_path / "gone")
        await rescan(watch)
        shutil.rmtree(root / "came")
        await rescan(watch)
        (root / "came").mkdir()
        (root / "came/c.md").write_text("", encoding="utf-8")
        await seen(watch, "came/c.md")

    check(root, body)


def test_a_folder_that_is_renamed_calls_for_a_listing(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/a.md").write_text("", encoding="utf-8")

    async def body(watch: Watch) -> None:
        (tmp_path / "old").rename(tmp_path / "new")
        await rescan(watch)
        (tmp_path / "new/a.md").write_text("changed", encoding="utf-8")
        await seen(watch, "new/a.md")

    check(tmp_path, body)


def test_many_changes_at_once_call_for_a_listing(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()

    async def body(watch: Watch) -> None:
        for number in range(STORM + 500):
            (tmp_path / f"sub/{number}").touch()
        # No consumer takes them meanwhile.
        await asyncio.to_thread(until, lambda: watch._rescan)  # type: ignore[attr-defined]
        await rescan(watch)
        (tmp_path / "sub/last").touch()
        await seen(watch, "sub/last")

    check(tmp_path, body)


def test_a_large_folder_that_moves_in_calls_for_a_listing(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    for number in range(300):
        (outside / str(number)).touch()

    async def body(watch: Watch) -> None:
        outside.rename(root / "came")
        await rescan(watch)

    check(root, body)


class Edits:
    """Random edits of a tree that never holds more than three levels."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = root
        self._random = random.Random(seed)
        self._serial = 0

    def one(self) -> None:
        files = [path for path in self._root.rglob("*") if path.is_file()]
        folders = [path for path in self._root.rglob("*") if path.is_dir()]
        chance = self._random.random()
        if chance < 0.35 or not files:
            self._write(self._random.choice([self._root, *folders]) / self._name())
        elif chance < 0.55:
            self._write(self._random.choice(files))
        elif chance < 0.65:
            self._random.choice(files).unlink()
        elif chance < 0.75:
            self._random.choice(files).replace(self._root / self._name())
        elif chance < 0.87 or not folders:
            deep = self._root / self._name() / self._name()
            deep.mkdir(parents=True)
            self._write(deep / self._name())
        elif chance < 0.94:
            self._random.choice(folders).rename(self._root / self._name())
        else:
            shutil.rmtree(self._random.choice(folders))

    def _name(self) -> str:
        self._serial += 1
        return f"{self._random.choice('abc')}{self._serial}"

    def _write(self, path: Path) -> None:
        self._serial += 1
        path.write_text(str(self._serial), encoding="utf-8")


async def follow(watch: Watch, source: SourceConnector, known: dict[str, str]) -> None:
    """Keep `known` as an engine keeps its rows."""
    async for keys in watch:
        if keys is None:
            known.clear()
            keys = list_keys(source)
        for key, entry in zip(keys, source.read(keys), strict=True):
            assert isinstance(entry, ReadRow)
            if entry.value is None:
                known.pop(key[0], None)
            else:
                known[key[0]] = entry.value[0]


def list_keys(source: SourceConnector) -> list[Any]:
    return [row.key for batch in source.list_rows() for row in batch]  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_follows_the_events_knows_every_file(tmp_path: Path, seed: int) -> None:
    source = opened(LocalFile(path=str(tmp_path), watch_changes=True))
    edits, known = Edits(tmp_path, seed), {}

    def truth() -> dict[str, str]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {p.relative_to(tmp_path).as_posix(): p.read_text(encoding="utf-8") for p in files}

    async def body() -> None:
        watch = source.watch()
        assert watch is not None
        following = asyncio.create_task(follow(watch, source, known))
        for number in range(150):
            edits.one()
            await asyncio.sleep(0 if number % 5 else 0.015)
        await asyncio.to_thread(until, lambda: known == truth())
        await asyncio.to_thread(source.close)
        await following

    run(body)


@posix_only
def test_changes_behind_links_are_reported_under_every_name(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (root / "again").symlink_to("real")
    (root / "far").symlink_to(outside)
    (root / "name.md").symlink_to("real/a.md")
    (root / "real/a.md").write_text("", encoding="utf-8")

    async def body(watch: Watch) -> None:
        (root / "real/a.md").write_text("new", encoding="utf-8")
        await seen(watch, "real/a.md", "again/a.md", "name.md")
        (outside / "b.md").write_text("new", encoding="utf-8")
        await seen(watch, "far/b.md")
        (root / "name.md").unlink()
        (root / "name.md").symlink_to(outside / "b.md")
        await rescan(watch)

    check(root, body)


@posix_only
def test_links_are_not_watched_when_they_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "far").symlink_to(outside)

    async def body(watch: Watch) -> None:
        (outside / "b.md").write_text("new", encoding="utf-8")
        (root / "a.md").write_text("new", encoding="utf-8")
        keys = await next_change(watch)
        assert keys == {"a.md"}

    check(root, body, follow_links=False)


@posix_only
def test_a_circle_of_links_does_not_stop_the_watch(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/to_b").symlink_to("../b")
    (tmp_path / "b/to_a").symlink_to("../a")
    (tmp_path / "a/up").symlink_to("..")

    async def body(watch: Watch) -> None:
        (tmp_path / "a/x.md").write_text("", encoding="utf-8")
        await seen(watch, "a/x.md", "b/to_a/x.md")

    check(tmp_path, body)


def test_the_root_may_go_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "_ROOT_SECONDS", 0.05)
    monkeypatch.setattr(module, "_MISSING_SECONDS", 0.05)
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.md").write_text("", encoding="utf-8")

    async def body(watch: Watch) -> None:
        root.rename(tmp_path / "away")
        await rescan(watch)
        root.mkdir()
        (root / "b.md").write_text("", encoding="utf-8")
        await rescan(watch)
        await asyncio.to_thread(until, lambda: _reported(watch, root))

    def _reported(watch: Watch, root: Path) -> bool:
        (root / "c.md").write_text(str(time.monotonic()), encoding="utf-8")
        return bool(watch._pending)  # type: ignore[attr-defined]

    check(root, body)


def test_without_events_the_folder_is_listed_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("OS file watch limit reached")

    real = module.RustNotify
    monkeypatch.setattr(module, "RustNotify", refuse)
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.05)

    async def body(watch: Watch) -> None:
        await rescan(watch)
        monkeypatch.setattr(module, "RustNotify", real)
        await rescan(watch)

    check(tmp_path, body)
    assert "fs.inotify.max_user_watches" in caplog.text


def test_closing_ends_the_stream(tmp_path: Path) -> None:
    async def body() -> None:
        source = opened(LocalFile(path=str(tmp_path), watch_changes=True))
        watch = source.watch()
        assert watch is not None
        waiting = asyncio.ensure_future(anext(watch, "the end"))
        await asyncio.sleep(0)
        await asyncio.to_thread(source.close)
        assert await asyncio.wait_for(waiting, 10) == "the end"

    run(body)


def test_an_interpreter_ends_with_a_watch_open(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from coco_flow.sources import LocalFile\n"
        "from coco_flow.sources.registry import open_source\n"
        "watch = open_source(LocalFile(path=sys.argv[1], watch_changes=True)).watch()\n"
        "print('open')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, os.fspath(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "open\n", "")
