from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.connectors import localfs


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_directory_has_what_is_declared_and_nothing_else_of_ours(
    tmp_path: Path, app: Callable[..., Any]
) -> None:
    folder = tmp_path / "out"
    wanted: dict[str, str] = {"a.txt": "a", "b.txt": "b"}
    nested = True

    @coco.fn
    async def main() -> None:
        target = await localfs.mount_dir_target(folder)
        for name, text in wanted.items():
            target.declare_file(name, text, create_parent_dirs=True)
        if nested:
            inner = await coco.use_mount(target.declare_dir_target, "inner")
            inner.declare_file("c.txt", b"c")

    program = app(main)
    program.update_blocking()
    assert contents(folder) == {"a.txt": "a", "b.txt": "b", "inner/c.txt": "c"}
    (folder / "users.txt").write_text("kept")
    before = (folder / "a.txt").stat()
    del wanted["b.txt"]
    wanted["x/y.txt"] = "y"
    nested = False
    program.update_blocking()
    assert contents(folder) == {"a.txt": "a", "x/y.txt": "y", "users.txt": "kept"}
    # Nothing was written that had not changed.
    assert (folder / "a.txt").stat().st_mtime_ns == before.st_mtime_ns
    assert (folder / "a.txt").stat().st_ino == before.st_ino


def test_a_file_may_become_a_directory_and_the_reverse(
    tmp_path: Path, app: Callable[..., Any]
) -> None:
    folder = tmp_path / "out"
    is_dir = False

    @coco.fn
    async def main() -> None:
        target = await localfs.mount_dir_target(folder)
        if is_dir:
            inner = await coco.use_mount(target.declare_dir_target, "thing")
            inner.declare_file("inside.txt", "inside")
        else:
            target.declare_file("thing", "file")

    program = app(main)
    program.update_blocking()
    assert contents(folder) == {"thing": "file"}
    is_dir = True
    program.update_blocking()
    assert contents(folder) == {"thing/inside.txt": "inside"}
    is_dir = False
    program.update_blocking()
    assert contents(folder) == {"thing": "file"}


def test_a_file_keeps_its_rights_when_it_is_replaced(
    tmp_path: Path, app: Callable[..., Any]
) -> None:
    path = tmp_path / "script.sh"
    text = "one"

    @coco.fn
    async def main() -> None:
        localfs.declare_file(path, text)

    program = app(main)
    program.update_blocking()
    path.chmod(0o750)
    text = "two"
    program.update_blocking()
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert [each.name for each in tmp_path.glob(".script*")] == []
    program.drop_blocking()
    assert not path.exists()


def test_a_base_directory_is_given_by_the_context(tmp_path: Path) -> None:
    base: coco.ContextKey[Path] = coco.ContextKey("test_localfs_target_base")

    @coco.fn
    async def main() -> None:
        target = await localfs.mount_dir_target(localfs.FilePath("out", base_dir=base))
        target.declare_file("a.txt", "a")

    provider = coco.ContextProvider()
    provider.provide(base, tmp_path / "here")
    environment = coco.Environment(
        coco.Settings(db_path=tmp_path / "state"), context_provider=provider
    )
    try:
        coco.App(coco.AppConfig("app", environment), main).update_blocking()
    finally:
        environment.close()
    assert contents(tmp_path / "here") == {"out/a.txt": "a"}


def test_a_folder_that_is_missing_is_only_made_if_wanted(
    tmp_path: Path, app: Callable[..., Any]
) -> None:
    @coco.fn
    async def main() -> None:
        localfs.declare_file(tmp_path / "missing" / "a.txt", "a")

    with pytest.raises(FileNotFoundError):
        app(main).update_blocking()
