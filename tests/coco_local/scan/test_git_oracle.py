"""`git ls-files` judges every rule, on generated trees and generated ignore files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco_local.scan import ProjectScan
from coco_local.settings import load_settings

# Few letters, so that patterns and names meet; none makes a binary, a lock file or a secret.
_NAMES = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "a.c",
        "b.c",
        "a.b.c",
        ".a",
        "é",
        "a b",
        "a\\b",
        "[a]",
        "a*",
        "#a",
        "!a",
        "a\nb",
    ]
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map("/".join)
_TREES = st.lists(_PATHS, min_size=1, max_size=14, unique=True)

_PIECES = st.sampled_from(
    ["a", "b", "c", "ab", ".", "*", "**", "?", "/", "**/", "/**", "/**/", "[ab]", "[!a]", "[a-c]",
     "[^b-]", "[]a]", "[[:alpha:]]", "[[:x:]]", "[", "]", "\\", "\\*", "\\ ", " ", "é", "*.c", "#",
     "!"]
)  # fmt: skip
_PATTERNS = st.lists(_PIECES, min_size=1, max_size=6).map("".join)
_LINES = st.tuples(
    st.sampled_from(["", "", "!", "/", "!/", "\\!", "\\#"]),
    _PATTERNS,
    st.sampled_from(["", "", "/", " ", "\r"]),
).map("".join)
_FILES = st.lists(_LINES, max_size=6).map("\n".join)


def _git(root: Path, environ: Mapping[str, str], *arguments: str) -> bytes:
    command = ["git", "-c", "core.precomposeunicode=false", *arguments]
    return subprocess.run(command, cwd=root, env=environ, capture_output=True, check=True).stdout


def _ignored(path: Path, root: Path, environ: Mapping[str, str]) -> bool:
    command = ["git", "check-ignore", "--no-index", "-q", "--", str(path.relative_to(root))]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, check=False)
    return done.returncode == 0


def _write_tree(root: Path, paths: list[str]) -> None:
    for path in paths:
        target = root / path
        if target.exists() or any((root / p).is_file() for p in Path(path).parents):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_dir():
            target.write_bytes(b"x")


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("COCO_TEST_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    tree=_TREES,
    ignores=st.dictionaries(st.one_of(st.just(""), _PATHS), _FILES, min_size=1, max_size=3),
    exclude=_FILES,
    excludes_file=_FILES,
    tracked=st.lists(st.integers(0, 13), max_size=3),
    version=st.sampled_from(["2", "4"]),
    inside=st.integers(0, 3),
)
def test_the_listing_is_what_git_would_track(
    tree: list[str],
    ignores: dict[str, str],
    exclude: str,
    excludes_file: str,
    tracked: list[int],
    version: str,
    inside: int,
) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        home, root = base / "home", base / "root"
        (home / ".config/git").mkdir(parents=True)
        (home / ".config/git/ignore").write_bytes(excludes_file.encode())
        environ = {"HOME": str(home), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
        root.mkdir()
        _git(root, environ, "init", "-q")
        _write_tree(root, tree)
        (root / ".git/info/exclude").write_bytes(exclude.encode())
        for directory, text in ignores.items():
            if (root / directory).is_dir():
                (root / directory / ".gitignore").write_bytes(text.encode())
        _git(root, environ, "update-index", "--index-version", version)
        chosen = [tree[index] for index in tracked if index < len(tree)]
        for path in chosen:
            if (root / path).is_file():
                _git(root, environ, "--literal-pathspecs", "add", "-f", "--", path)
        listed = _git(root, environ, "ls-files", "-z", "-co", "--exclude-standard")
        expected = {os.fsdecode(path) for path in listed.split(b"\0") if path}

        given_settings = load_settings(environ=environ)
        scan = ProjectScan(root, given_settings, environ=environ)
        # git's configuration is asked with this process's environment.
        os.environ["GIT_CONFIG_NOSYSTEM"] = "1"
        listing = scan.list_files()
        assert set(listing.files) == expected
        everything = [path for path in root.rglob("*") if ".git" not in path.parts]
        decided = {
            path.relative_to(root).as_posix() for path in everything if scan.decide(path).indexed
        }
        assert decided == expected

        # A project may be any directory of a work tree.
        directories = sorted(path for path in everything if path.is_dir())
        if directories:
            part = directories[inside % len(directories)]
            prefix = part.relative_to(root).as_posix() + "/"
            # Inside an ignored directory git sees what is tracked; somebody who registers it, all.
            if not _ignored(part, root, environ):
                below = ProjectScan(part, given_settings, environ=environ).list_files()
                assert {prefix + doc for doc in below.files} == {
                    path for path in expected if path.startswith(prefix)
                }
    finally:
        shutil.rmtree(base)
