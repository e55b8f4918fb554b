"""Looks projects up by path or name, among those that the daemon has listed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coco_core.errors import ProjectNotFound
from coco_local.git.owner import owner_of

if TYPE_CHECKING:
    from coco_protocol.projects import ProjectBody

__all__ = ["named_project", "path_in_project", "project_around", "project_names"]

# More names than this make an error message too long to read.
_MAX_NAMES = 20


def project_around(projects: Sequence[ProjectBody], path: Path) -> ProjectBody | None:
    """Return the project that answers for ``path``, by the daemon's own rule; None in none.

    Raises:
        ProjectNotFound: it lies in a repository of its own that is not indexed, and whose files
            could be mistaken for those of a project.
    """
    owner = owner_of(projects, path)
    if owner.project is None and (refusal := owner.refusal()) is not None:
        raise refusal
    return owner.project


def path_in_project(project: ProjectBody, path: Path) -> str | None:
    """Return ``path`` relative to the project's root, empty for the root; None when outside."""
    root = Path(project.root)
    # Only the dots are folded first: a link inside the project keeps the name it is indexed by.
    folded = Path(os.path.normpath(path))
    for candidate in (folded, path.resolve()):
        for base in (root, root.resolve()):
            if candidate.is_relative_to(base):
                relative = candidate.relative_to(base).as_posix()
                return "" if relative == "." else relative
    # Another spelling of the same directory: another case, a mount.
    for depth, parent in enumerate((folded, *folded.parents)):
        if _same(parent, root):
            return "/".join(folded.parts[len(folded.parts) - depth :])
    return None


def _same(path: Path, root: Path) -> bool:
    try:
        return path.samefile(root)
    except OSError:
        return False


def named_project(projects: Sequence[ProjectBody], name: str) -> ProjectBody | None:
    """Return the project with this id or name; None when there is none.

    Raises:
        ProjectNotFound: several have the name.
    """
    for project in projects:
        if project.project_id == name:
            return project
    same = [project for project in projects if project.name == name]
    same = same or [project for project in projects if project.name.lower() == name.lower()]
    if len(same) > 1:
        ids = ", ".join(f"{project.project_id} ({project.root})" for project in same)
        raise ProjectNotFound(
            f"{len(same)} projects are named {name!r}.", hint=f"Name one by its id: {ids}"
        )
    return same[0] if same else None


def project_names(projects: Sequence[ProjectBody]) -> str:
    """Return the names of projects for a message."""
    names = sorted({project.name for project in projects})
    rest = f", and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + rest
