"""Location of a command: its project, and paths relative to the current directory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coco_core.errors import InvalidInput, PathRefused, ProjectNotFound
from coco_local.client.project_lookup import (
    named_project,
    path_in_project,
    project_around,
    project_names,
)

if TYPE_CHECKING:
    from coco_protocol.projects import ProjectBody

__all__ = ["Place", "choose_project", "refuse_part"]


@dataclass(frozen=True, slots=True)
class Place:
    """A project seen from a working directory."""

    project: ProjectBody
    cwd: Path

    @property
    def project_id(self) -> str:
        """The project's id."""
        return self.project.project_id

    def shown(self, path: str) -> str:
        """Return a project's path so that a terminal can open it from here."""
        root = Path(self.project.root)
        for cwd, base in ((self.cwd, root), (self.cwd.resolve(), root.resolve())):
            if cwd.is_relative_to(base):
                return os.path.relpath(base / path, cwd)
        return str(root / path)

    def doc_id(self, path: str) -> str:
        """Return a path that was typed here as the project names it.

        It is read from the working directory, or, when nothing is there, from the project's root,
        since answers to other clients name paths so.

        Raises:
            PathRefused: the path lies outside the project.
        """
        root = Path(self.project.root)
        typed = Path(path).expanduser()
        here = self.cwd / typed
        from_root = not typed.is_absolute() and not here.exists() and (root / typed).exists()
        relative = path_in_project(self.project, root / typed if from_root else here)
        if relative is None:
            raise PathRefused(
                f"{path!r} is outside the project {self.project.name!r} ({self.project.root}).",
                hint="Name its project with --project, or add it: coco import DIRECTORY",
            )
        return relative

    def named_symbol(self, name: str) -> str:
        """Return a name whose file in front of a colon was typed here as the project names it."""
        path, colon, rest = name.partition(":")
        if not colon or rest.startswith(":") or not (self.cwd / Path(path).expanduser()).is_file():
            return name
        return f"{self.doc_id(path)}:{rest}"

    def globs(self, patterns: Iterable[str]) -> list[str]:
        """Return path patterns as the project reads them.

        They are relative to its root, as in every client; one that begins with ``./`` or ``../``
        is relative to the working directory, and one that names a directory means all in it.
        """
        return [self._glob(pattern) for pattern in patterns]

    def _glob(self, pattern: str) -> str:
        if not pattern.startswith(("./", "../")) and pattern not in {".", ".."}:
            return pattern
        relative = path_in_project(self.project, self.cwd / pattern)
        if relative is None:
            raise PathRefused(
                f"{pattern!r} is outside the project {self.project.name!r} ({self.project.root}).",
                hint="Give a pattern relative to the project's root.",
            )
        if (self.cwd / pattern).is_dir():
            return f"{relative}/**" if relative else "**"
        return relative


def choose_project(projects: Sequence[ProjectBody], named: str | None, cwd: Path) -> Place:
    """Return the named project, else the innermost one around ``cwd``.

    Raises:
        ProjectNotFound: nothing fits, or several do.
    """
    if named is not None:
        return Place(_named(projects, named, cwd), cwd)
    around = project_around(projects, cwd)
    if around is not None:
        return Place(around, cwd)
    if not projects:
        raise ProjectNotFound("CoCo has no project yet.", hint="Add this directory: coco import .")
    raise ProjectNotFound(
        f"{str(cwd)!r} is in no project.",
        hint=f"Add it: coco import .  Or name one of {project_names(projects)}: --project NAME",
    )


def refuse_part(place: Place, name: str) -> None:
    """Refuse a path that names a directory inside the project, where all of it is concerned.

    Raises:
        InvalidInput: it does.
    """
    project = place.project
    directory = place.cwd / Path(name).expanduser()
    if (
        named_project([project], name) is None
        and os.path.realpath(directory) != os.path.realpath(project.root)
        and os.path.normpath(directory) != project.root
    ):
        raise InvalidInput(
            f"{name!r} is a part of the project {project.name!r} ({project.root}).",
            hint=f"If you mean all of it: coco forget {project.name}",
        )


def _named(projects: Sequence[ProjectBody], name: str, cwd: Path) -> ProjectBody:
    same = named_project(projects, name)
    if same is not None:
        return same
    directory = cwd / Path(name).expanduser()
    for project in projects:
        # By its own directory also a standalone one: the one around it is not meant.
        if os.path.realpath(directory) == os.path.realpath(project.root):
            return project
    found = (
        project_around(projects, directory)
        if directory.exists() or _is_root(projects, directory)
        else None
    )
    if found is not None:
        return found
    if directory.is_dir():
        raise ProjectNotFound(
            f"The directory {name!r} is in no project.", hint=f"Add it: coco import {name}"
        )
    raise ProjectNotFound(
        f"There is no project {name!r}.",
        hint=f"CoCo knows {project_names(projects)}. Add a directory: coco import PATH"
        if projects
        else "CoCo has no project yet. Add a directory: coco import PATH",
    )


def _is_root(projects: Sequence[ProjectBody], directory: Path) -> bool:
    """Whether it is a project whose directory was deleted: that is when one wants to forget it."""
    return any(os.path.normpath(directory) == project.root for project in projects)
