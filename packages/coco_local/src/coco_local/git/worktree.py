"""Git work tree: its root, index, exclude files, and configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coco_local.git.gitindex import UnknownIndex, tracked_paths

__all__ = [
    "BARE_NAMES",
    "Tracked",
    "Worktree",
    "common_directory",
    "find_worktree",
    "is_bare",
    "is_repository",
    "read_tracked",
]

# git answers in milliseconds; a hanging file system must not hold the daemon.
_GIT_SECONDS = 10.0
_HASH_BYTES = {"sha256": 32}

BARE_NAMES: Final = ("HEAD", "objects", "refs")
"""What every git directory has."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """The work tree around a project, or the bare directory when there is no git."""

    top: Path
    index: Path | None
    exclude_file: Path | None
    global_excludes: Path | None
    ignore_case: bool
    hash_bytes: int = 20


@dataclass(frozen=True, slots=True)
class Tracked:
    """What the index holds, and all directories above it."""

    files: frozenset[str]
    directories: frozenset[str]

    @classmethod
    def of(cls, paths: set[str]) -> Tracked:
        """Derive the directories."""
        directories: set[str] = set()
        for path in paths:
            parent = path.rpartition("/")[0]
            while parent and parent not in directories:
                directories.add(parent)
                parent = parent.rpartition("/")[0]
        return cls(frozenset(paths), frozenset(directories))


def is_repository(dot_git: Path) -> bool:
    """Tell whether ``dot_git`` makes its directory a work tree of its own."""
    try:
        if dot_git.is_dir():
            return (dot_git / "HEAD").exists() or (dot_git / "HEAD").is_symlink()
        with dot_git.open("rb") as file:
            return file.read(8).startswith(b"gitdir:")
    except OSError:
        return False


def is_bare(directory: Path) -> bool:
    """Tell whether a directory is a git directory itself: a repository without files."""
    # Unlike Path.exists, it says no to a name that is too long for the file system.
    return all(os.path.exists(directory / name) for name in BARE_NAMES)  # noqa: PTH110  # see above


def common_directory(top: Path) -> Path | None:
    """Return the git directory that all work trees of a repository share; None when it is gone."""
    try:
        _, shared = _git_directories(top / ".git")
    except OSError:
        return None
    real = Path(os.path.realpath(shared))
    return real if real.is_dir() else None


def find_worktree(root: Path, environ: Mapping[str, str]) -> Worktree:
    """Look from ``root`` upwards for the work tree that it belongs to."""
    config = _git_config(root)
    excludes = config.get("core.excludesfile")
    global_excludes = Path(excludes).expanduser() if excludes else _default_excludes(environ)
    ignore_case = config.get("core.ignorecase", "").lower() in {"true", "1", "yes", "on"}
    for top in (root, *root.parents):
        dot_git = top / ".git"
        if is_repository(dot_git):
            directory, shared = _git_directories(dot_git)
            return Worktree(
                top=top,
                index=directory / "index",
                exclude_file=shared / "info" / "exclude",
                global_excludes=global_excludes,
                ignore_case=ignore_case,
                hash_bytes=_HASH_BYTES.get(config.get("extensions.objectformat", ""), 20),
            )
    return Worktree(root, None, None, global_excludes, ignore_case)


def read_tracked(tree: Worktree) -> set[str]:
    """Return the tracked paths; an index of an uncommon kind is left to git itself."""
    if tree.index is None:
        return set()
    try:
        data = tree.index.read_bytes()
    except OSError:
        return set()
    try:
        return tracked_paths(data, hash_bytes=tree.hash_bytes)
    except UnknownIndex:
        listed = _git(tree.top, "ls-files", "--cached", "-z")
        return {os.fsdecode(path) for path in listed.split(b"\0") if path}


def _git_directories(dot_git: Path) -> tuple[Path, Path]:
    """Return the work tree's own git directory and the one that it shares with others."""
    directory = dot_git
    if dot_git.is_file():
        named = dot_git.read_bytes().partition(b":")[2].strip()
        directory = dot_git.parent / os.fsdecode(named)
    try:
        shared = directory / os.fsdecode((directory / "commondir").read_bytes().strip())
    except OSError:
        shared = directory
    return directory, shared


def _default_excludes(environ: Mapping[str, str]) -> Path | None:
    base = environ.get("XDG_CONFIG_HOME", "").strip()
    home = environ.get("HOME", "").strip() or environ.get("USERPROFILE", "").strip()
    if base:
        return Path(base) / "git" / "ignore"
    return Path(home) / ".config" / "git" / "ignore" if home else None


def _git_config(root: Path) -> dict[str, str]:
    """Ask git for the settings that change what it ignores; only it knows all its sources."""
    names = r"^(core\.(excludesfile|ignorecase)|extensions\.objectformat)$"
    answer = _git(root, "config", "--type=path", "-z", "--get-regexp", names)
    config: dict[str, str] = {}
    for item in answer.split(b"\0"):
        key, _, value = item.partition(b"\n")
        if key:
            config[os.fsdecode(key).lower()] = os.fsdecode(value)
    return config


def _git(directory: Path, *arguments: str) -> bytes:
    """Run git; empty when it is not installed, refuses or hangs."""
    # Every command looks for its project, and only a listing asks git.
    import subprocess

    if sys.platform == "win32":
        # A console window would flash up with every call.
        flags = subprocess.CREATE_NO_WINDOW
    else:
        flags = 0
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
            creationflags=flags,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
