"""Which project answers for a place; the scan must say the same of every file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from coco_local.git.owner import Owner, owner_of, repository_in
from tests.coco_local.scan.conftest import Scan
from tests.coco_local.scan.trees import git, put

LOCAL = ("-c", "protocol.file.allow=always")


@dataclass(frozen=True)
class Known:
    root: Path
    standalone: bool = False

    @property
    def name(self) -> str:
        return self.root.name


@pytest.fixture
def library(tmp_path: Path, environ: Mapping[str, str]) -> Path:
    return committed(tmp_path / "library", {"lib.py": "old = 1\n"})


@pytest.fixture
def checkout(root: Path, library: Path) -> Path:
    """A repository with one of each kind of repository inside."""
    committed(root, {"app.py": "x = 1\n", "pkg/m.py": "y = 1\n", ".gitignore": ".claude/\n"})
    git(root, "worktree", "add", "-q", ".claude/worktrees/a")
    git(root, "clone", "-q", str(library), "clone")
    git(root, *LOCAL, "submodule", "add", "-q", str(library), "vendor/sub")
    git(root / "vendor/sub", "worktree", "add", "-q", "../of-sub")
    git(root, "worktree", "add", "-q", ".git/agents/b")
    git(root, "clone", "-q", "--bare", str(library), "mirror")
    put(root, {"lost/.git": "gitdir: /nowhere/at/all\n", "lost/z.py": ""})
    put(root, {"fake/.git/x": "", "fake/f.py": ""})
    return root


def committed(root: Path, files: Mapping[str, str]) -> Path:
    put(root, files)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "x")
    return root


def owner(place: Path, *roots: Path | Known) -> Owner[Known]:
    return owner_of([root if isinstance(root, Known) else Known(root) for root in roots], place)


INNER = [
    ".claude/worktrees/a",
    ".git/agents/b",
    "clone",
    "vendor/sub",
    "vendor/of-sub",
    "mirror",
    "lost",
]


@pytest.mark.parametrize("inner", INNER)
def test_a_repository_inside_answers_for_itself_or_not_at_all(checkout: Path, inner: str) -> None:
    around, own = Known(checkout), Known(checkout / inner)
    for place in (checkout / inner, checkout / inner / "deep/none.py"):
        found = owner(place, around)
        assert (found.project, found.repository, found.around) == (None, own.root, around)
        refusal = found.refusal()
        assert refusal is not None
        assert repr(str(own.root)) in refusal.message
        assert repository_in(checkout, place) == own.root
    assert owner(own.root / "x.py", around, own).project == own


def test_the_rest_belongs_to_the_project_around(checkout: Path) -> None:
    around = Known(checkout)
    places = ("app.py", "pkg", "fake/f.py", "vendor", ".claude", "new/x", ".")
    inside_git = (".git/hooks", ".git/modules/vendor/sub", ".git/agents")
    for place in (*places, *inside_git):
        assert owner(checkout / place, around).project == around, place
        assert repository_in(checkout, checkout / place) is None, place


def test_the_scan_says_the_same(scan: Scan, checkout: Path) -> None:
    made = scan(checkout)
    files = [path for path in checkout.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert len(files) > 20
    refused = {path for path in files if owner(path, Known(checkout)).project is None}
    assert {path for path in files if made.decide(path).indexed} == {
        path for path in files if path not in refused and path.parent.name != "gen"
    }
    # A work tree that git has lost is listed by its ignore files, once it is a project.
    assert set(scan(checkout / "lost").list_files().files) == {"z.py"}
    listing = made.list_files()
    assert sorted(listing.repositories) == ["clone", "lost", "vendor/of-sub", "vendor/sub"]


def test_test_data_that_looks_bare_stays_with_the_repository_that_tracks_it(
    scan: Scan, root: Path, environ: Mapping[str, str]
) -> None:
    names = ("HEAD", "config", "objects/keep", "refs/keep")
    committed(root, {f"data/x.git/{name}": "text\n" for name in names})
    place = root / "data/x.git/config"
    assert owner(place, Known(root)).project == Known(root)
    assert scan(root).decide(place).indexed


def test_a_work_tree_elsewhere_names_the_project_that_it_belongs_to(
    checkout: Path, tmp_path: Path, library: Path
) -> None:
    git(checkout, "worktree", "add", "-q", str(tmp_path / "linked"))
    found = owner(tmp_path / "linked", Known(library), Known(checkout / "pkg"), Known(checkout))
    refusal = found.refusal()
    assert refusal is not None
    assert refusal.hint is not None
    assert refusal.hint.startswith(f"Index it: coco import {tmp_path / 'linked'}")
    assert "'project'" in refusal.hint
    # A clone shares nothing that says so, and lies in no project: nothing can be mistaken for it.
    git(tmp_path, "clone", "-q", str(library), "copy")
    apart = owner(tmp_path / "copy", Known(checkout))
    assert (apart.project, apart.refusal()) == (None, None)


def test_three_deep_the_innermost_project_or_repository_decides(
    root: Path, environ: Mapping[str, str]
) -> None:
    a = committed(root, {"x.py": ""})
    b = committed(a / "b", {"x.py": ""})
    c = committed(b / "c", {"x.py": ""})
    assert owner(c, Known(a), Known(b), Known(c)).project == Known(c)
    assert owner(c, Known(a), Known(c)).project == Known(c)
    assert owner(b, Known(a), Known(c)).project is None
    between = owner(c / "x.py", Known(a), Known(b))
    assert (between.project, between.repository, between.around) == (None, c, Known(b))


def test_a_part_that_is_a_project_answers_for_itself(checkout: Path) -> None:
    whole, part = Known(checkout), Known(checkout / "pkg")
    apart = Known(checkout / "pkg", standalone=True)
    assert owner(checkout / "pkg/m.py", whole, part).project == part
    assert owner(checkout / "pkg/m.py", whole, apart).project == whole
    assert owner(checkout / "pkg/m.py", apart).project == apart
    # In a repository of its own the project around has no say.
    inner = Known(checkout / "clone", standalone=True)
    assert owner(checkout / "clone/lib.py", whole, inner).project == inner


def test_a_folder_of_clones_answers_for_its_own_files_only(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    folder = tmp_path / "ws"
    put(folder, {"notes.md": ""})
    one = committed(folder / "one", {"x.py": ""})
    assert owner(folder / "notes.md", Known(folder)).project == Known(folder)
    assert owner(one, Known(folder)).around == Known(folder)


def test_names_do_not_matter_only_directories(checkout: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(checkout, target_is_directory=True)
    assert owner(link / "pkg", Known(checkout)).project == Known(checkout)
    assert owner(checkout / "pkg", Known(link)).project == Known(link)
    assert owner(link / "clone", Known(checkout)).project is None
    # What a link inside leads to is not the project's; a link to a file is where the link lies.
    (checkout / "out").symlink_to(tmp_path, target_is_directory=True)
    (checkout / "pkg/file").symlink_to(tmp_path / "library/lib.py")
    assert owner(checkout / "out/library", Known(checkout)).project is None
    assert owner(checkout / "pkg/file", Known(checkout)).project == Known(checkout)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000, "sub\0/y.py"])
def test_a_name_that_no_file_can_have_is_no_way_out(checkout: Path, name: str) -> None:
    assert owner(checkout / "pkg" / name, Known(checkout)).project == Known(checkout)
    assert owner(checkout / "clone" / name, Known(checkout)).project is None


def test_a_root_that_moved_or_is_gone(checkout: Path, tmp_path: Path) -> None:
    gone = Known(tmp_path / "gone")
    assert owner(tmp_path / "gone/x.py", gone).project == gone
    moved = tmp_path / "moved"
    shutil.move(checkout, moved)
    # Its work trees lead nowhere now, and are still not the code of the project.
    assert owner(moved / "app.py", Known(checkout)).project is None
    assert owner(moved / ".claude/worktrees/a", Known(moved)).project is None
    assert owner(moved / "app.py", Known(moved)).project == Known(moved)
