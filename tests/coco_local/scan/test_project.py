from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coco_local.scan import ProjectScan, Reason
from coco_local.settings import PROJECT_FILE
from tests.coco_local.scan.trees import git, put

Make = Callable[..., ProjectScan]

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file systems")


def _docs(scan: ProjectScan) -> set[str]:
    """The listing, after making sure that deciding one by one says the same."""
    listing = scan.list_files()
    for directory, _, names in os.walk(scan.root):
        for name in names:
            path = Path(directory, name)
            doc = path.relative_to(scan.root).as_posix()
            assert scan.decide(path).indexed == (doc in listing.files), doc
    return set(listing.files)


def test_a_listing_carries_size_and_time(scan: Make, root: Path) -> None:
    put(root, {"src/a.py": "x = 1\n"})
    found = scan().list_files().files["src/a.py"]
    status = (root / "src/a.py").stat()
    assert (found.doc_id, found.size, found.mtime_ns) == ("src/a.py", 6, status.st_mtime_ns)


def test_rules_of_all_levels_and_kinds(scan: Make, repo: Path) -> None:
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
    assert _docs(scan()) == {
        ".gitignore", ".ignore", "docs/.cocoignore", "docs/x.md",
        "src/.gitignore", "src/deep/local.py", "src/keep.log",
    }  # fmt: skip


def test_the_rule_that_decided_is_named(scan: Make, repo: Path) -> None:
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


def test_excludes_named_in_gits_configuration(scan: Make, repo: Path) -> None:
    home = Path(os.environ["HOME"])
    put(home, {"mine.txt": "*.secretly\n"})
    git(repo, "config", "core.excludesFile", "~/mine.txt")
    put(repo, {"a.secretly": "", "a.py": ""})
    assert _docs(scan()) == {"a.py"}
    assert scan().is_rule_file(home / "mine.txt")


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_a_tracked_file_is_listed_though_a_rule_ignores_it(
    scan: Make, repo: Path, version: str
) -> None:
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
    assert _docs(made) == expected
    git(repo, "rm", "-q", "--cached", "gen/a.py")
    assert _docs(made) == expected - {"gen/a.py"}


def test_an_index_that_only_git_reads(scan: Make, repo: Path) -> None:
    put(repo, {".gitignore": "*.out\n", "x.out": "", "y.out": ""})
    git(repo, "add", "-f", "x.out")
    git(repo, "update-index", "--split-index")
    assert _docs(scan()) == {".gitignore", "x.out"}


def test_rules_for_search_tools_bind_tracked_files_and_bring_ignored_ones_back(
    scan: Make, repo: Path
) -> None:
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
    assert _docs(scan()) == {".cocoignore", ".gitignore", ".ignore", "gen/a.py"}


def test_a_linked_worktree_uses_its_own_index_and_the_shared_excludes(
    scan: Make, repo: Path, tmp_path: Path
) -> None:
    put(repo, {"a.py": "", ".git/info/exclude": "*.mine\n"})
    git(repo, "add", "a.py")
    git(repo, "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "x")
    linked = tmp_path / "linked"
    git(repo, "worktree", "add", "-q", str(linked))
    put(linked, {"b.mine": "", "c.mine": "", "d.py": ""})
    git(linked, "add", "-f", "b.mine")
    assert _docs(scan(linked)) == {"a.py", "b.mine", "d.py"}


def test_a_project_below_the_top_keeps_the_rules_above_it(scan: Make, repo: Path) -> None:
    put(
        repo,
        {".gitignore": "*.log\n/app/gen/\n", "app/x.log": "", "app/gen/a.py": "", "app/a.py": ""},
    )
    git(repo, "add", "-f", "app/x.log")
    made = scan(repo / "app")
    assert _docs(made) == {"a.py", "x.log"}
    assert made.decide(repo / "app/gen/a.py").rule == ".gitignore:2: /app/gen/"
    assert made.decide(repo / ".gitignore").reason == Reason.OUTSIDE


def test_without_git_the_rules_hold_and_dependencies_stay_out(scan: Make, root: Path) -> None:
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
    assert _docs(made) == {".gitignore", "a.py"}
    assert made.decide(root / "node_modules/x/index.js").rule == "built-in:6: node_modules/"
    assert made.decide(root / "venv/lib/x.py").reason == Reason.ENVIRONMENT
    put(root, {".cocoignore": "!node_modules/\n"})
    assert "node_modules/x/index.js" in _docs(made)


def test_nested_repositories_and_registered_projects_are_borders(scan: Make, repo: Path) -> None:
    put(repo, {"a.py": "", "sub/b.py": "", "other/c.py": "", "fake/.git": "no", "fake/d.py": ""})
    git(repo / "sub", "init", "-q")
    made = scan(nested_roots=(repo / "other",))
    assert _docs(made) == {"a.py", "fake/d.py"}
    assert made.decide(repo / "sub/b.py").reason == Reason.REPOSITORY
    assert made.decide(repo / "other/c.py").reason == Reason.PROJECT
    assert made.decide(repo / ".git/config").reason == Reason.GIT
    made.set_nested_roots(())
    assert _docs(made) == {"a.py", "fake/d.py", "other/c.py"}


@pytest.mark.parametrize(
    "name",
    [".env", ".env.local", "prod.env", "id_rsa", "id_ed25519", "server.pem", "tls.key", "a.p12",
     ".netrc", ".npmrc", "credentials", "credentials.json", "client_secret_1.json", "x.tfstate",
     "x.tfstate.backup", "secrets.yml", "my-service-account.json", ".htpasswd"],
)  # fmt: skip
def test_secrets_are_never_listed_even_when_asked_for(scan: Make, repo: Path, name: str) -> None:
    put(repo, {name: "x", ".cocoignore": f"!{name}\n"})
    git(repo, "add", "-f", ".")
    made = scan(include=[name])
    assert _docs(made) == {".cocoignore"}
    assert made.decide(repo / name).reason == Reason.SECRET


@pytest.mark.parametrize(
    "name",
    [".env.example", ".env.sample", "id_rsa.pub", "credentials.py", "secrets.py", "key.go",
     "env.ts", "keys.md", "client_secret.md", "environment.env.example"],
)  # fmt: skip
def test_names_that_only_look_like_secrets(scan: Make, root: Path, name: str) -> None:
    put(root, {name: "x"})
    assert _docs(scan()) == {name}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("package-lock.json", Reason.LOCK),
        ("Cargo.lock", Reason.LOCK),
        ("go.sum", Reason.LOCK),
        ("a.min.js", Reason.MINIFIED),
        ("a.js.map", Reason.MINIFIED),
        ("LOGO.PNG", Reason.BINARY),
        ("a.tar.gz", Reason.BINARY),
    ],
)
def test_noise_stays_out_unless_asked_for(
    scan: Make, root: Path, name: str, reason: Reason
) -> None:
    put(root, {name: "x"})
    assert scan().decide(root / name).reason == reason
    assert _docs(scan()) == set()
    assert _docs(scan(include=[name])) == {name}


def test_a_large_file_is_named(scan: Make, root: Path) -> None:
    put(root, {"big.txt": b"x" * 11, "fits.txt": b"x" * 10})
    made = scan(max_file_bytes=10)
    assert _docs(made) == {"fits.txt"}
    listing = made.list_files()
    assert listing.skipped == {"big.txt": Reason.TOO_LARGE}
    assert listing.counts == {Reason.TOO_LARGE: 1}


def test_the_projects_own_settings(scan: Make, root: Path) -> None:
    put(
        root, {PROJECT_FILE: 'max_file_bytes = 30\nexclude = ["gen"]\n', "gen/a.py": "", "a.py": ""}
    )
    made = scan()
    assert _docs(made) == {"a.py"}
    assert made.list_files().skipped == {PROJECT_FILE: Reason.TOO_LARGE}
    assert made.settings.max_file_bytes == 30
    assert scan(max_file_bytes=1000).settings.max_file_bytes == 1000
    put(root, {PROJECT_FILE: "port = 1\n"})
    assert made.is_rule_file(root / PROJECT_FILE)
    made.refresh()
    assert "port may not be set in a project" in str(made.problem)
    assert _docs(made) == {PROJECT_FILE, "a.py", "gen/a.py"}


@posix
def test_symlinks_are_never_followed(scan: Make, root: Path, tmp_path: Path) -> None:
    put(tmp_path, {"outside/secret.py": "", "outside.py": ""})
    put(root, {"a.py": "", "real/b.py": ""})
    (root / "in.py").symlink_to("a.py")
    (root / "out.py").symlink_to(tmp_path / "outside.py")
    (root / "indir").symlink_to("real")
    (root / "outdir").symlink_to(tmp_path / "outside")
    (root / "real/loop").symlink_to("..")
    (root / "self").symlink_to("self")
    made = scan()
    listing = made.list_files()
    assert set(listing.files) == {"a.py", "real/b.py"}
    assert listing.skipped == {"out.py": Reason.LINK_OUT, "outdir": Reason.LINK_OUT}
    assert made.decide(root / "in.py").reason == Reason.LINK_IN
    assert made.decide(root / "outdir/secret.py").reason == Reason.LINK_OUT
    assert made.decide(root / "real/loop/a.py").reason == Reason.LINK_IN
    assert made.decide(root / "self/x").reason == Reason.LINK_IN


@posix
def test_names_that_are_odd(scan: Make, root: Path) -> None:
    odd = ["a\nb.py", "***", 'it\'s "quoted".py', "ü \u202e.md", "***/x.py", "-rf", "a\\b.py"]
    put(root, {f"{index}/{name}": "" for index, name in enumerate(odd)})
    assert _docs(scan()) == {f"{index}/{name}" for index, name in enumerate(odd)}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_left_out_and_named(scan: Make, root: Path) -> None:
    put(root, {"a.py": ""})
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.py")).touch()
    directory = Path(os.fsdecode(os.fsencode(root) + b"/d\xff"))
    directory.mkdir()
    (directory / "x.py").touch()
    made = scan()
    assert _docs(made) == {"a.py"}
    skipped = made.list_files().skipped
    assert skipped == {"\\udcff.py": Reason.NAME, "d\\udcff": Reason.NAME}
    "".join(skipped).encode()


@posix
def test_what_is_no_file_is_left_out(
    scan: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, {"a.py": ""})
    os.mkfifo(root / "pipe")
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        made = scan()
        assert _docs(made) == {"a.py"}
        assert made.list_files().counts == {Reason.SPECIAL: 2}


_AS_NOBODY = """
import os, sys
from pathlib import Path
from coco_local.scan import ProjectScan
from coco_local.settings import load_settings
settings = load_settings(environ={"COCO_HOME": sys.argv[1] + "/.home"})
scan = ProjectScan(Path(sys.argv[1]), settings, environ={})
scan.list_files()
os.setgid(65534)
os.setuid(65534)
listing = scan.list_files()
decision = scan.decide(Path(sys.argv[1], "closed/x.py"))
print(sorted(listing.files), listing.skipped, decision.indexed)
"""


@posix
def test_an_unreadable_directory_is_named(scan: Make, root: Path, tmp_path: Path) -> None:
    put(root, {"a.py": "", "closed/x.py": ""})
    (root / "closed").chmod(0)
    try:
        if os.geteuid() != 0:
            listing = scan().list_files()
            assert set(listing.files) == {"a.py"}
            assert listing.skipped == {"closed/": Reason.UNREADABLE}
            return
        # For the administrator every directory is open.
        for path in (tmp_path, *tmp_path.parents):
            if path.owner() == "root" and path != Path("/"):
                path.chmod(path.stat().st_mode | 0o755)
        command = [sys.executable, "-c", _AS_NOBODY, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "['a.py'] {'closed/': <Reason.UNREADABLE: 'cannot be read'>} False\n"
    finally:
        (root / "closed").chmod(0o755)


def test_a_root_that_went_away_lists_nothing(scan: Make, root: Path) -> None:
    made = scan()
    root.rmdir()
    assert made.list_files().files == {}
    assert made.decide(root / "a.py").reason == Reason.MISSING


def test_a_part_of_the_project(scan: Make, repo: Path) -> None:
    put(repo, {".gitignore": "gen/\n", "a/x.py": "", "a/b/y.py": "", "a/gen/z.py": "", "c.py": ""})
    made = scan()
    assert {file.doc_id for file in made.list_below(repo / "a")} == {"a/x.py", "a/b/y.py"}
    assert {file.doc_id for file in made.list_below(repo)} == set(made.list_files().files)
    assert made.list_below(repo / "a/gen") == []
    assert made.list_below(repo / "a/x.py") == []
    assert made.list_below(repo.parent) == []


def test_new_rules_hold_after_a_refresh(scan: Make, root: Path) -> None:
    put(root, {"a.log": "", ".gitignore": ""})
    made = scan()
    assert made.decide(root / "a.log").indexed
    put(root, {".gitignore": "*.log\n"})
    assert made.is_rule_file(root / ".gitignore")
    made.refresh()
    assert not made.decide(root / "a.log").indexed


def test_rules_that_come_with_a_directory_need_no_refresh(scan: Make, root: Path) -> None:
    put(root, {"d/a.log": ""})
    made = scan()
    assert made.decide(root / "d/a.log").indexed
    os.utime(root / "d", ns=(0, 0))
    assert made.decide(root / "d/a.log").indexed
    put(root, {"d/.gitignore": "*.log\n"})
    assert not made.decide(root / "d/a.log").indexed


def test_content_decides_when_it_is_explained(scan: Make, root: Path) -> None:
    put(root, {"a.dat": b"\0\1\2", "b.js": "var a=1;" * 1000, "c.dat": "text\n"})
    made = scan()
    assert made.decide(root / "a.dat").indexed
    assert made.explain(root / "a.dat").reason == Reason.BINARY
    assert made.explain(root / "b.js").reason == Reason.MINIFIED
    assert made.explain(root / "c.dat").indexed
    assert made.explain(root / "none").reason == Reason.MISSING
    assert made.explain(root).reason == Reason.DIRECTORY


def test_a_mean_ignore_file_is_no_trap(scan: Make, root: Path) -> None:
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
