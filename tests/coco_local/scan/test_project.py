"""Which rules say what a project lists: git's, search tools', the project's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coco_local.scan import Reason
from coco_local.settings import PROJECT_FILE
from tests.coco_local.scan.conftest import Scan
from tests.coco_local.scan.trees import git, listed, put


def test_rules_of_all_levels_and_kinds(scan: Scan, repo: Path) -> None:
    home = Path(os.environ["HOME"])
    put(home, {".config/git/ignore": "*.global\n"})
    put(
        repo,
        {
            ".gitignore": "*.log\nbuild/\n",
            "src/.gitignore": "!keep.log\n/local.py\n",
            ".git/info/exclude": "*.mine\n",
            ".ignore": "vendored/\n",
            "docs/.cocoignore": "drafts/\n",
            "a.log": "",
            "a.global": "",
            "a.mine": "",
            "build/x.py": "",
            "src/keep.log": "",
            "src/local.py": "",
            "src/deep/local.py": "",
            "vendored/x.py": "",
            "docs/drafts/x.md": "",
            "docs/x.md": "",
        },
    )
    assert listed(scan()) == {
        ".gitignore", ".ignore", "docs/.cocoignore", "docs/x.md",
        "src/.gitignore", "src/deep/local.py", "src/keep.log",
    }  # fmt: skip


def test_the_rule_that_decided_is_named(scan: Scan, repo: Path) -> None:
    put(
        repo,
        {"src/.gitignore": "# mine\n\n*.log\ngen/\n", "src/a.log": "", "src/gen/deep/x.py": ""},
    )
    decision = scan().decide(repo / "src/a.log")
    assert (decision.indexed, decision.reason) == (False, Reason.IGNORED)
    assert decision.rule == "src/.gitignore:3: *.log"
    assert scan().decide(repo / "src/gen/deep/x.py").rule == "src/.gitignore:4: gen/"
    assert scan(exclude=["*.md"]).decide(repo / "x.md").reason == Reason.MISSING
    put(repo, {"x.md": ""})
    assert scan(exclude=["*.md"]).decide(repo / "x.md").rule == "settings: *.md"


def test_excludes_named_in_gits_configuration(scan: Scan, repo: Path) -> None:
    home = Path(os.environ["HOME"])
    put(home, {"mine.txt": "*.secretly\n"})
    git(repo, "config", "core.excludesFile", "~/mine.txt")
    put(repo, {"a.secretly": "", "a.py": ""})
    assert listed(scan()) == {"a.py"}
    assert scan().is_rule_file(home / "mine.txt")


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_a_tracked_file_is_listed_even_if_ignored(scan: Scan, repo: Path, version: str) -> None:
    put(
        repo,
        {".gitignore": "gen/\n*.out\n", "gen/a.py": "", "gen/b.py": "", "x.out": "", "y.out": ""},
    )
    git(repo, "update-index", "--index-version", version)
    git(repo, "add", "-f", "gen/a.py", "x.out")
    if version == "3":
        # An intent to add needs the extended flags of version 3.
        git(repo, "add", "-f", "-N", "y.out")
    made = scan()
    expected = {".gitignore", "gen/a.py", "x.out"} | ({"y.out"} if version == "3" else set())
    assert listed(made) == expected
    git(repo, "rm", "-q", "--cached", "gen/a.py")
    assert listed(made) == expected - {"gen/a.py"}


def test_an_index_that_only_git_reads(scan: Scan, repo: Path) -> None:
    put(repo, {".gitignore": "*.out\n", "x.out": "", "y.out": ""})
    git(repo, "add", "-f", "x.out")
    git(repo, "update-index", "--split-index")
    assert listed(scan()) == {".gitignore", "x.out"}


def test_rules_for_search_bind_tracked_files_and_bring_ignored_back(scan: Scan, repo: Path) -> None:
    put(
        repo,
        {
            ".gitignore": "gen/\nout/\n",
            ".cocoignore": "big.py\n!gen/\n",
            ".ignore": "!big.py\nsmall.py\n",
            "big.py": "",
            "small.py": "",
            "gen/a.py": "",
            "out/a.py": "",
        },
    )
    git(repo, "add", "-f", "big.py", "small.py")
    assert listed(scan()) == {".cocoignore", ".gitignore", ".ignore", "gen/a.py"}


def test_a_linked_worktree_uses_its_own_index_and_the_shared_excludes(
    scan: Scan, repo: Path, tmp_path: Path
) -> None:
    put(repo, {"a.py": "", ".git/info/exclude": "*.mine\n"})
    git(repo, "add", "a.py")
    git(repo, "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "x")
    linked = tmp_path / "linked"
    git(repo, "worktree", "add", "-q", str(linked))
    put(linked, {"b.mine": "", "c.mine": "", "d.py": ""})
    git(linked, "add", "-f", "b.mine")
    assert listed(scan(linked)) == {"a.py", "b.mine", "d.py"}


def test_a_project_below_the_top_keeps_the_rules_above_it(scan: Scan, repo: Path) -> None:
    put(
        repo,
        {".gitignore": "*.log\n/app/gen/\n", "app/x.log": "", "app/gen/a.py": "", "app/a.py": ""},
    )
    git(repo, "add", "-f", "app/x.log")
    made = scan(repo / "app")
    assert listed(made) == {"a.py", "x.log"}
    assert made.decide(repo / "app/gen/a.py").rule == ".gitignore:2: /app/gen/"
    assert made.decide(repo / ".gitignore").reason == Reason.OUTSIDE


def test_without_git_the_rules_hold_and_dependencies_stay_out(scan: Scan, root: Path) -> None:
    put(
        root,
        {
            ".gitignore": "*.log\n",
            "a.log": "",
            "a.py": "",
            "node_modules/x/index.js": "",
            "pkg/__pycache__/a.txt": "",
            "venv/pyvenv.cfg": "",
            "venv/lib/x.py": "",
        },
    )
    made = scan()
    assert listed(made) == {".gitignore", "a.py"}
    assert made.decide(root / "node_modules/x/index.js").rule == "built-in:6: node_modules/"
    assert made.decide(root / "venv/lib/x.py").reason == Reason.ENVIRONMENT
    put(root, {".cocoignore": "!node_modules/\n"})
    assert "node_modules/x/index.js" in listed(made)


def test_nested_repositories_and_the_own_home_are_left_out(scan: Scan, repo: Path) -> None:
    put(repo, {"a.py": "", "sub/b.py": "", "home/c.py": "", "fake/.git": "no", "fake/d.py": ""})
    git(repo / "sub", "init", "-q")
    git(repo, "init", "-q", "--bare", "deep/bare")
    made = scan(home=repo / "home")
    assert listed(made) == {"a.py", "fake/d.py"}
    assert made.decide(repo / "sub/b.py").reason == Reason.REPOSITORY
    assert made.decide(repo / "home/c.py").reason == Reason.HOME
    assert made.decide(repo / ".git/config").reason == Reason.GIT
    assert made.decide(repo / "deep/bare/config").reason == Reason.GIT
    assert made.list_files().repositories == ["sub"]


def test_a_walk_says_where_it_looks_before_it_looks(scan: Scan, repo: Path) -> None:
    put(repo, {".gitignore": "gen/\n/link\n", "a/b/y.py": "", "a/gen/deep/z.py": ""})
    (repo / "link").symlink_to(repo.parent, target_is_directory=True)
    entered: list[Path] = []

    def enter(directory: Path) -> None:
        entered.append(directory)
        if directory.name == "b":
            put(directory, {"late.py": ""})

    assert "a/b/late.py" in scan().list_files(enter).files
    assert sorted(entered) == [repo, repo / "a", repo / "a/b"]
    entered.clear()
    scan().list_below(repo / "a", enter)
    assert sorted(entered) == [repo / "a", repo / "a/b"]


def test_a_part_of_the_project(scan: Scan, repo: Path) -> None:
    put(repo, {".gitignore": "gen/\n", "a/x.py": "", "a/b/y.py": "", "a/gen/z.py": "", "c.py": ""})
    made = scan()
    assert set(made.list_below(repo / "a").files) == {"a/x.py", "a/b/y.py"}
    assert set(made.list_below(repo).files) == set(made.list_files().files)
    assert made.list_below(repo / "a/gen").files == {}
    assert made.list_below(repo / "a/x.py").files == {}
    assert made.list_below(repo.parent).files == {}


def test_new_rules_hold_after_a_refresh(scan: Scan, root: Path) -> None:
    put(root, {"a.log": "", ".gitignore": ""})
    made = scan()
    assert made.decide(root / "a.log").indexed
    put(root, {".gitignore": "*.log\n"})
    assert made.is_rule_file(root / ".gitignore")
    made.refresh()
    assert not made.decide(root / "a.log").indexed


def test_rules_that_come_with_a_directory_need_no_refresh(scan: Scan, root: Path) -> None:
    put(root, {"d/a.log": ""})
    made = scan()
    assert made.decide(root / "d/a.log").indexed
    os.utime(root / "d", ns=(0, 0))
    assert made.decide(root / "d/a.log").indexed
    put(root, {"d/.gitignore": "*.log\n"})
    assert not made.decide(root / "d/a.log").indexed


def test_a_mean_ignore_file_is_no_trap(scan: Scan, root: Path) -> None:
    if hasattr(os, "symlink"):
        (root / "link").mkdir()
        (root / "link/.gitignore").symlink_to("/etc/passwd")
    put(
        root,
        {".gitignore": b"\xff\xfe[\n**" + b"*a" * 40 + b"b\n!\n/\n//\n\\\n", "a" * 60 + ".c": ""},
    )
    (root / "dir").mkdir()
    (root / "dir/.gitignore").mkdir()
    assert "a" * 60 + ".c" in set(scan().list_files().files)


def test_the_projects_own_settings(scan: Scan, root: Path) -> None:
    put(
        root, {PROJECT_FILE: 'max_file_bytes = 30\nexclude = ["gen"]\n', "gen/a.py": "", "a.py": ""}
    )
    made = scan()
    assert listed(made) == {"a.py"}
    assert made.list_files().skipped == {PROJECT_FILE: Reason.TOO_LARGE}
    assert made.settings.max_file_bytes == 30
    assert scan(max_file_bytes=1000).settings.max_file_bytes == 1000
    put(root, {PROJECT_FILE: "port = 1\n"})
    assert made.is_rule_file(root / PROJECT_FILE)
    made.refresh()
    assert "port may not be set in a project" in str(made.problem)
    assert listed(made) == {PROJECT_FILE, "a.py", "gen/a.py"}
