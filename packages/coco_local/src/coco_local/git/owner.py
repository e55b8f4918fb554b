"""Owner of a place: the project that answers for it; one rule for the daemon and every client.

The innermost repository decides. A project answers for all that lies below its root, except for
what lies in a repository of its own: a clone, a submodule or a work tree, ignored or not. Such a
repository is another state of the code, so an answer from around it would be wrong without a sign.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from coco_core.errors import ProjectNotFound
from coco_local.git.worktree import (
    common_directory,
    find_worktree,
    is_bare,
    is_repository,
    read_tracked,
)

__all__ = [
    "Owner",
    "Rooted",
    "command_path",
    "innermost_repository",
    "owner_of",
    "repository_in",
    "repository_of",
]


class Rooted(Protocol):
    """A project, as the registry or the wire knows it."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def root(self) -> Path | str:
        """Its directory, absolute."""
        ...

    @property
    def standalone(self) -> bool:
        """It answers for a place only where no other project does."""
        ...


P = TypeVar("P", bound=Rooted)


@dataclass(frozen=True, slots=True)
class Owner(Generic[P]):
    """Who answers for a place, or why nothing does."""

    project: P | None
    """The innermost project that answers for it."""
    repository: Path | None = None
    """Without a project: the innermost repository around the place."""
    around: P | None = None
    """The project that the repository lies in."""
    related: P | None = None
    """A project whose files are another work tree of the same repository."""

    def refusal(self) -> ProjectNotFound | None:
        """Return why an answer from another project would be wrong, and what to do.

        None where a project answers, or where no other one could be mistaken for it.
        """
        if self.repository is None or (self.around is None and self.related is None):
            return None
        place = str(self.repository)
        lacking = self.around or self.related
        assert lacking is not None
        if is_bare(self.repository):
            return ProjectNotFound(
                f"{place!r} is a bare git repository: it has no files to search, and those of the "
                f"project {lacking.name!r} ({lacking.root}) are others.",
                hint=f"Name that project if you mean it: {lacking.name!r}",
                details={"repository": place},
            )
        quick = ""
        if self.related is not None:
            quick = (
                f"  It is a work tree of the same repository as the project {self.related.name!r}: "
                "only what differs from it is embedded."
            )
        return ProjectNotFound(
            f"{place!r} is a git repository of its own that is not indexed; the project "
            f"{lacking.name!r} ({lacking.root}) does not have its files.",
            hint=f"Index it: coco import {command_path(place)}{quick}",
            details={"repository": place, "project": lacking.name},
        )


def owner_of(projects: Iterable[P], place: Path) -> Owner[P]:
    """Return who answers for a place, a file or a directory; links are resolved.

    A place that does not exist belongs to the nearest directory that does.
    """
    directory = _directory(place)
    chain = [directory, *directory.parents]
    identities = {identity: len(path.parts) for path in chain if (identity := _identity(path))}
    known = list(projects)
    depths = [
        (_depth(Path(project.root), place, directory, identities), project) for project in known
    ]
    holding = [(depth, project) for depth, project in depths if depth]
    repository = innermost_repository(directory)
    border = len(repository.parts) if repository is not None else 0
    answering = [(depth, project) for depth, project in holding if depth >= border]
    if answering:
        return Owner(_innermost(answering))
    if repository is None:
        return Owner(None)
    around = _innermost(holding) if holding else None
    first = [around] if around is not None else []
    return Owner(None, repository, around, _of_same_repository([*first, *known], repository))


def repository_in(root: Path, place: Path) -> Path | None:
    """Return the innermost repository of its own that lies below ``root`` and holds ``place``."""
    top = Path(os.path.realpath(root))
    found = innermost_repository(_directory(place))
    return found if found is not None and found != top and found.is_relative_to(top) else None


def innermost_repository(directory: Path) -> Path | None:
    """Return the top of the repository around a directory, which is named as it really is.

    A ``.git`` that leads nowhere counts: what lies there was checked out on its own. A bare one
    counts unless the repository around it tracks its files, as test data.
    """
    for top in (directory, *directory.parents):
        # What looks bare below a `.git` is that repository's own; a work tree may lie there, too.
        bare = ".git" not in top.parts and is_bare(top) and not _is_tracked(top)
        if bare or is_repository(top / ".git"):
            return top
    return None


def repository_of(root: Path) -> Path | None:
    """Return the git directory that the work tree around a directory shares; None without one."""
    top = innermost_repository(_directory(root))
    return common_directory(top) if top is not None else None


def command_path(path: str | Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))


def _innermost(found: list[tuple[int, P]]) -> P:
    return max(found, key=lambda pair: (not pair[1].standalone, pair[0]))[1]


def _directory(place: Path) -> Path:
    """Return the directory that a place lies in, by its real name."""
    folded = Path(os.path.normpath(place))
    while not _is_possible(folded):
        folded = folded.parent
    # A link to a file is a file of the directory in which it lies.
    real = Path(os.path.realpath(folded))
    # Unlike Path.is_dir, it says no to a name that is too long for the file system.
    is_directory = os.path.isdir(real)  # noqa: PTH112  # see above
    return real if is_directory else Path(os.path.realpath(folded.parent))


def _is_possible(path: Path) -> bool:
    """Tell whether a file can have this name: the wire and agents bring others."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a directory is, whatever names lead to it."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _depth(
    root: Path, place: Path, directory: Path, identities: dict[tuple[int, int], int]
) -> int | None:
    """Return how deep the root of a project lies that holds the directory; None if it does not."""
    identity = _identity(root)
    if identity is not None:
        return identities.get(identity)
    # A root that is gone still has what was named after it.
    named = Path(os.path.normpath(place)).is_relative_to(root) or directory.is_relative_to(root)
    return len(root.parts) if named else None


def _is_tracked(bare: Path) -> bool:
    tree = find_worktree(bare.parent, {})
    if tree.index is None:
        return False
    prefix = f"{bare.relative_to(tree.top).as_posix()}/"
    return any(path.startswith(prefix) for path in read_tracked(tree))


def _of_same_repository(projects: Iterable[P], repository: Path) -> P | None:
    shared = common_directory(repository)
    if shared is None:
        return None
    found: P | None = None
    for project in projects:
        root = Path(os.path.realpath(project.root))
        top = innermost_repository(root)
        if top in {None, repository} or repository_of(root) != shared:
            continue
        if root == top and not project.standalone:
            return project
        # A part of the repository shares what it has.
        found = found or project
    return found
