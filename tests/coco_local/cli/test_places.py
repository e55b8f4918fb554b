"""The current directory decides which project answers, or that none does; what imports say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coco_local.cli.conftest import Coco
from tests.daemon_process import Daemon
from tests.sources import git, write_project


@pytest.fixture
def imported(running: Daemon, coco: Coco) -> Iterator[Coco]:
    """A command line whose projects are forgotten after the test."""
    before = {project["project_id"] for project in coco("projects", "--json").data["projects"]}
    yield coco
    for project in coco("projects", "--json").data["projects"]:
        if project["project_id"] not in before:
            coco("forget", project["project_id"], "--yes")


@pytest.fixture
def outer(tmp_path: Path, imported: Coco) -> Path:
    """An indexed repository with a work tree in an ignored directory of it."""
    root = write_project(tmp_path / "outer")
    (root / ".git/info/exclude").write_text(".agents/\n", encoding="utf-8")
    git(root, "worktree", "add", "-q", ".agents/a")
    assert imported("import", root).code == 0
    return root


def test_a_work_tree_inside_is_refused_until_it_is_imported(
    outer: Path, imported: Coco, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = outer / ".agents/a"
    (inner / "shop/cart.py").write_text("def only_here(): ...\n", encoding="utf-8")
    monkeypatch.chdir(inner / "shop")
    asked = (
        ["query", "only_here"],
        ["grep", "Cart"],
        ["read", "cart.py"],
        ["outline", "cart.py"],
        ["related", "cart.py:1"],
        ["index", "--dry-run"],
    )
    for command in asked:
        imported(*command).fails(
            f"'{inner}' is a git repository of its own that is not indexed",
            f"coco import {inner}",
            "work tree of the same repository as the project 'outer'",
        )
    error = imported("grep", "Cart", "--json").document["error"]
    assert error["code"] == "project_not_found"
    assert error["details"] == {"repository": str(inner), "project": "outer"}
    # Who names the project means it.
    imported("grep", "class Cart", "-p", "outer").prints("shop/cart.py")
    monkeypatch.chdir(outer)
    imported("read", ".agents/a/shop/cart.py", "-p", "outer").fails("coco import")
    imported("status", "--explain", ".agents/a/shop/cart.py").prints("is not indexed")
    assert imported("import", inner).code == 0
    monkeypatch.chdir(inner)
    imported("grep", "only_here").prints("shop/cart.py:1:def only_here(): ...")
    imported("grep", "class Cart").fails(code=4)


def test_a_folder_of_clones_is_refused_with_the_command(imported: Coco, tmp_path: Path) -> None:
    folder = tmp_path / "ws"
    for name in ("one", "two"):
        write_project(folder / name)
    imported("import", folder).fails(
        "has no files of its own, only 2 git repositories inside (one, two)",
        f"coco import -r {folder}",
    )
    assert not [p for p in imported("projects", "--json").data["projects"] if p["name"] == "ws"]
    (folder / "notes.md").write_text("# Notes\n", encoding="utf-8")
    result = imported("import", folder)
    assert result.out == f"ws  {folder}\n"
    assert "Not part of this project: 2 git repositories inside (one, two)" in result.err
    assert f"coco import -r {folder}" in result.err
    assert imported("import", "-r", folder).out == f"one  {folder}/one\ntwo  {folder}/two\n"
    # Now that both are projects, there is nothing more to say of them.
    assert "Not part" not in imported("import", folder).err


def test_clones_that_recursion_passes_by_are_named(imported: Coco, tmp_path: Path) -> None:
    write_project(tmp_path / "ws/.hidden/clone")
    imported("import", tmp_path / "ws").fails(f"coco import {tmp_path}/ws/.hidden/clone\n")


def test_a_bare_repository_with_its_work_trees(imported: Coco, tmp_path: Path) -> None:
    source = write_project(tmp_path / "source")
    top = tmp_path / "top"
    git(tmp_path, "clone", "-q", "--bare", str(source), str(top / ".bare"))
    (top / ".git").write_text("gitdir: ./.bare\n", encoding="utf-8")
    git(top, "worktree", "add", "-q", "main-tree", "-b", "other")
    imported("import", top / ".bare").fails("bare repository: it has no files to search")
    imported("import", top).fails("only 1 git repository inside (main-tree)", "coco import -r")
    assert imported("import", "-r", top).out == f"main-tree  {top}/main-tree\n"


def test_a_part_of_a_project_stays_in_it(outer: Path, imported: Coco) -> None:
    whole = _files(imported, "outer")
    result = imported("import", outer / "shop")
    assert result.out == f"outer  {outer}\n"
    assert "shop is part of the project 'outer'" in result.err
    assert f"coco import --standalone {outer}/shop" in result.err
    imported("forget", outer / "shop", "--yes").fails("is a part of the project 'outer'")
    imported("grep", "class Cart", "-p", str(outer)).prints("shop/cart.py")
    assert imported("import", "--standalone", outer / "web").out == f"web  {outer}/web\n"
    imported("grep", "matchRoute", "-p", "outer").prints("web/router.ts")
    imported("grep", "matchRoute", "-p", "web").prints("router.ts")
    assert _files(imported, "outer") == whole
    # In either order of going.
    assert imported("forget", "outer", "--yes").code == 0
    imported("grep", "matchRoute", "-p", "web").prints("router.ts")


def test_what_a_project_leaves_out_may_be_one(outer: Path, imported: Coco) -> None:
    (outer / "build/made.py").write_text("made = 1\n", encoding="utf-8")
    result = imported("import", outer / "build")
    assert result.out == f"build  {outer}/build\n"
    imported("grep", "made", "-p", str(outer / "build")).prints("made.py")


def test_a_part_that_came_first_stays_a_project(imported: Coco, tmp_path: Path) -> None:
    root = write_project(tmp_path / "late")
    assert imported("import", root / "web").out == f"web  {root}/web\n"
    assert "web is a project, too: both hold its files" in imported("import", root).err
    imported("grep", "matchRoute", "-p", "late").prints("web/router.ts")
    assert imported("forget", "web", "--yes").code == 0
    imported("grep", "matchRoute", "-p", str(root / "web")).prints("web/router.ts")


def test_an_import_says_what_is_still_to_come(imported: Coco, tmp_path: Path) -> None:
    root = write_project(tmp_path / "fresh")
    said = imported("import", root).err
    assert "fresh: keyword search answers now (6 files); 0 of" in said
    assert "vectors follow when the model is there; it is missing: coco status" in said
    assert "goes on in the background" in imported("import", root, "--no-wait").err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty: no file in it belongs into an index" in imported("import", empty).err


def _files(coco: Coco, name: str) -> int:
    (found,) = [p for p in coco("projects", "--json").data["projects"] if p["name"] == name]
    return int(found["files"])
