"""What a directory becomes when it is imported: a project, a part of one, or neither."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from coco_core.errors import InvalidInput
from coco_core.quantities import count
from coco_local.git.owner import command_path, owner_of
from coco_local.git.worktree import is_bare
from coco_local.scan import ProjectScan
from coco_local.scan.reasons import Reason
from coco_local.settings import Settings
from coco_local.store.projects import Project

__all__ = ["Contents", "part_of", "project_root", "repositories"]

log = structlog.get_logger(__name__)

# How deep `--recursive` looks for repositories; deeper ones are found by naming their parent.
_RECURSION_DEPTH = 6

# More names than this make a sentence too long to read.
_NAMED = 5


class Contents:
    """What lies in a directory, listed once by the rules of the scan."""

    def __init__(self, root: Path, settings: Settings) -> None:
        listing = ProjectScan(root, settings).list_files()
        self._root = root
        self._repositories = sorted(listing.repositories)
        self.only_repositories = bool(not listing.files and self._repositories)
        """It has no files of its own, so as a project it would be empty for ever."""

    def refuse_empty(self) -> None:
        """Refuse a directory that would be a project without files.

        Raises:
            InvalidInput: all that it holds are repositories of their own.
        """
        if self.only_repositories:
            raise InvalidInput(
                f"{str(self._root)!r} has no files of its own, only {self._inside()}.",
                hint=f"Import each as a project: {self._command()}",
                details={"repositories": self._repositories},
            )

    def notices(self, projects: Sequence[Project]) -> list[str]:
        """Say what lies inside the directory and is not part of its project, or not only of it."""
        notices = []
        known = {project.root: project for project in projects if not project.standalone}
        new = [name for name in self._repositories if self._root / name not in known]
        if new:
            notices.append(
                f"Not part of this project: {self._inside(new)}. "
                f"Import each as a project: {self._command(new)}"
            )
        for root, project in known.items():
            name = os.path.relpath(root, self._root)
            inside = root != self._root and root.is_relative_to(self._root)
            apart = any(Path(name).is_relative_to(each) for each in self._repositories)
            if inside and not apart:
                notices.append(
                    f"{name} is a project, too: both hold its files, and what is asked from there "
                    f"is answered by {project.name!r}. To have one: coco forget {project.name}"
                )
        return notices

    def _inside(self, names: Sequence[str] | None = None) -> str:
        names = self._repositories if names is None else names
        more = ", …" if len(names) > _NAMED else ""
        number = count(len(names), "git repository", "git repositories")
        return f"{number} inside ({', '.join(names[:_NAMED])}{more})"

    def _command(self, names: Sequence[str] | None = None) -> str:
        names = self._repositories if names is None else names
        reached = {path.relative_to(self._root).as_posix() for path in repositories(self._root)}
        if reached.issuperset(names):
            return f"coco import -r {command_path(self._root)}"
        return f"coco import {' '.join(command_path(self._root / name) for name in names)}"


def part_of(root: Path, projects: Sequence[Project], settings: Settings) -> Project | None:
    """Return the project that holds the files of a directory already, as a part of its own.

    None for what is a repository of its own, or what the project around it leaves out.
    """
    around = owner_of(projects, root).project
    if around is None or around.standalone or around.root == root:
        return None
    decision = ProjectScan(around.root, settings).decide(root)
    return around if decision.reason == Reason.DIRECTORY else None


def repositories(path: Path) -> Iterator[Path]:
    """Yield the git repositories at and below a directory, outermost first."""
    yield from _repositories(path, _RECURSION_DEPTH)


def project_root(path: str) -> Path:
    """Return the directory that a path names, by its real name.

    Raises:
        InvalidInput: it is no directory that can be a project.
    """
    if "\0" in path:
        raise InvalidInput("The path holds a NUL character.")
    given = Path(path).expanduser()
    if not given.is_absolute():
        raise InvalidInput(
            f"{path!r} is not an absolute path.",
            hint="The daemon has no working directory of yours.",
        )
    root = Path(os.path.realpath(given))
    # Unlike Path.exists, it says no to a name that is too long for the file system.
    if not os.path.exists(root):  # noqa: PTH110  # see above
        raise InvalidInput(f"There is no directory {str(root)!r}.", hint="Check the spelling.")
    if not root.is_dir():
        raise InvalidInput(
            f"{str(root)!r} is a file.", hint=f"Register its directory: {str(root.parent)!r}"
        )
    if root == Path(root.anchor) or root == Path.home():
        raise InvalidInput(
            f"{str(root)!r} is too large to be a project.",
            hint="Register the directories in it, or use: coco import --recursive PATH",
        )
    if is_bare(root):
        raise InvalidInput(
            f"{str(root)!r} is a git directory or a bare repository: it has no files to search.",
            hint="Import the directory in which its files are checked out.",
        )
    return root


def _repositories(path: Path, depth: int) -> Iterator[Path]:
    if os.path.exists(path / ".git"):  # noqa: PTH110  # also for names that are too long
        yield path
    if depth == 0:
        return
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        log.warning("unreadable_directory", path=str(path), reason=str(error))
        return
    for entry in entries:
        hidden = entry.name.startswith(".") or entry.name == "node_modules"
        if not hidden and entry.is_dir(follow_symlinks=False):
            yield from _repositories(Path(entry.path), depth - 1)
